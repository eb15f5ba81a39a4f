// Passes over (rows, F) that know the channel, f = 0 … F − 1. Sums over rows are partial ones, (F, parts): a thread sums
// every parts-th row of one channel. count = F · parts, so from one of its rows to the next there are count entries.

// partial[f, part] = Σ dy over every parts-th row. entries: rows · F
KERNEL void channel_sums(const REAL* dy, INDEX entries, INDEX F, REAL* partial, INDEX count) {
    for (EACH(i, count)) {
        REAL sum = 0;
        for (INDEX at = i; at < entries; at += count) sum += dy[at];
        partial[i % F * (count / F) + i / F] = sum;
    }
}

// y = max(x + bias, 0), NaN where the sum is, in x's place. bias: (F,)
KERNEL void bias_relu(const REAL* bias, INDEX F, REAL* x, INDEX count) {
    for (EACH(i, count)) {
        REAL y = x[i] + bias[i % F];
        x[i] = y <= 0 ? 0 : y;
    }
}

// dz = dy where y is not 0, and the sums of dz as above. dy, y, dz: (rows, F)
KERNEL void bias_relu_backward(const REAL* dy, const REAL* y, INDEX entries, INDEX F, REAL* dz, REAL* partial, INDEX count) {
    for (EACH(i, count)) {
        REAL sum = 0;
        for (INDEX at = i; at < entries; at += count) {
            REAL d = y[at] != 0 ? dy[at] : 0 * dy[at];
            dz[at] = d;
            sum += d;
        }
        partial[i % F * (count / F) + i / F] = sum;
    }
}

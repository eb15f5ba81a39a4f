// Response normalisation. half: neighbours on either side; power: 4 beta, so that d^-beta = q^power for q = d^-1/4.
// The forward kernels take y for q too where only y is wanted.

// q = d^-1/4 and y = x d^-beta, d = k + alpha * the sum of x^2 over channels. x, q, y: (pixels, C)
KERNEL void local_norm(const REAL* x, INDEX C, INDEX half, REAL alpha, REAL k, REAL power, REAL* q, REAL* y,
                       INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % C, first = i - min(c, half), last = i + min(C - 1 - c, half);
        REAL sum = 0;
        for (INDEX j = first; j <= last; j++) sum += x[j] * x[j];
        REAL root = 1 / sqrt(sqrt(k + alpha * sum));
        q[i] = root;
        y[i] = x[i] * (power == 3 ? root * root * root : pow(root, power));
    }
}

// dx = dy d^-beta - scale x * the sum of dy d^-beta x / d over channels, scale = 2 alpha beta. All (pixels, C)
KERNEL void local_norm_backward(const REAL* dy, const REAL* x, const REAL* q, INDEX C, INDEX half, REAL scale,
                                REAL power, REAL* dx, INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % C, first = i - min(c, half), last = i + min(C - 1 - c, half);
        REAL sum = 0, own = 0;
        for (INDEX j = first; j <= last; j++) {
            REAL square = q[j] * q[j], part = dy[j] * (power == 3 ? square * q[j] : pow(q[j], power));
            sum += x[j] * (square * square) * part;
            if (j == i) own = part;
        }
        dx[i] = own - scale * x[i] * sum;
    }
}

// As local_norm, over the pixels around. x, q, y: (N, H, W, C)
KERNEL void spatial_norm(const REAL* x, INDEX H, INDEX W, INDEX C, INDEX half, REAL alpha, REAL k, REAL power, REAL* q,
                         REAL* y, INDEX count) {
    for (EACH(i, count)) {
        INDEX w = i / C % W, h = i / C / W % H;
        REAL sum = 0;
        for (INDEX down = -min(h, half); down <= min(H - 1 - h, half); down++)
            for (INDEX across = -min(w, half); across <= min(W - 1 - w, half); across++) {
                REAL value = x[i + (down * W + across) * C];
                sum += value * value;
            }
        REAL root = 1 / sqrt(sqrt(k + alpha * sum));
        q[i] = root;
        y[i] = x[i] * (power == 3 ? root * root * root : pow(root, power));
    }
}

// As local_norm_backward, over the pixels around. All (N, H, W, C)
KERNEL void spatial_norm_backward(const REAL* dy, const REAL* x, const REAL* q, INDEX H, INDEX W, INDEX C, INDEX half,
                                  REAL scale, REAL power, REAL* dx, INDEX count) {
    for (EACH(i, count)) {
        INDEX w = i / C % W, h = i / C / W % H;
        REAL sum = 0, own = 0;
        for (INDEX down = -min(h, half); down <= min(H - 1 - h, half); down++)
            for (INDEX across = -min(w, half); across <= min(W - 1 - w, half); across++) {
                INDEX j = i + (down * W + across) * C;
                REAL square = q[j] * q[j], part = dy[j] * (power == 3 ? square * q[j] : pow(q[j], power));
                sum += x[j] * (square * square) * part;
                if (j == i) own = part;
            }
        dx[i] = own - scale * x[i] * sum;
    }
}

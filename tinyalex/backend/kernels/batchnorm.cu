// Batch normalisation of x (rows, channels). A sum over the rows is taken in runs, a thread for each run and channel;
// HELD rows at a time are added up in REAL, and what they come to in float64. So rounding does not grow with the rows,
// and float64, slow on most cards, is asked for once in HELD rows.
constexpr int HELD = 16;

// The mean of each run of rows, and the sum of squares about it: (runs, channels)
KERNEL void batch_norm_moments(const REAL* x, INDEX rows, INDEX channels, INDEX run, float64* means, float64* squares,
                               INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % channels, first = i / channels * run, last = first + run < rows ? first + run : rows;
        float64 seen = 0, mean = 0, square = 0;
        for (INDEX row = first; row < last; row += HELD) {
            INDEX n = last - row < HELD ? last - row : HELD;
            REAL held[HELD], own = 0, rest = 0, about = 0;
            for (int k = 0; k < HELD; k++) {
                held[k] = k < n ? x[(row + k) * channels + c] : 0;
                own += held[k];
            }
            own /= n;
            for (int k = 0; k < HELD; k++) {
                REAL off = k < n ? held[k] - own : 0;
                rest += off;  // what rounding `own` left
                about += off * off;
            }
            float64 step = (float64)own + rest / n - mean, share = n / (seen + n);
            square += about + step * step * seen * share;
            mean += step * share;
            seen += n;
        }
        means[i] = mean;
        squares[i] = square;
    }
}

// Moments of runs of `each` rows (the last may be shorter) → those of runs of `many` such runs
KERNEL void batch_norm_merge(const REAL* means, const REAL* squares, INDEX rows, INDEX channels, INDEX each, INDEX many,
                             REAL* merged_means, REAL* merged_squares, INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % channels, first = i / channels * many, runs = (rows + each - 1) / each;
        REAL seen = 0, mean = 0, square = 0;
        for (INDEX run = first; run < first + many && run < runs; run++) {
            REAL n = rows - run * each < each ? rows - run * each : each;
            REAL step = means[run * channels + c] - mean, share = n / (seen + n);
            square += squares[run * channels + c] + step * step * seen * share;
            mean += step * share;
            seen += n;
        }
        merged_means[i] = mean;
        merged_squares[i] = square;
    }
}

// A piece's count n (1,), total and squares about its own mean, and those of the batch, m (1,) and batch_total →
// the batch's mean, and squares about that
KERNEL void batch_norm_mean(const REAL* n, const REAL* total, const REAL* m, const REAL* batch_total, REAL* mean,
                            REAL* squares, INDEX count) {
    for (EACH(c, count)) {
        mean[c] = batch_total[c] / m[0];
        REAL step = total[c] / (n[0] > 1 ? n[0] : 1) - mean[c];
        squares[c] += n[0] * step * step;
    }
}

// 1 / √(squares / m + eps)
KERNEL void batch_norm_inverse(const REAL* squares, const REAL* m, REAL eps, REAL* inverse, INDEX count) {
    for (EACH(c, count)) inverse[c] = 1 / sqrt(squares[c] / m[0] + eps);
}

// y = (x − mean) · scale + bias
KERNEL void batch_norm_forward(const REAL* x, const REAL* mean, const REAL* scale, const REAL* bias, INDEX channels,
                               REAL* y, INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % channels;
        y[i] = (x[i] - mean[c]) * scale[c] + bias[c];
    }
}

// Σ dy and Σ dy · (x − mean) over each run of rows: (runs, channels)
KERNEL void batch_norm_gradient_sums(const REAL* dy, const REAL* x, const REAL* mean, INDEX rows, INDEX channels,
                                     INDEX run, float64* dbias, float64* dproduct, INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % channels, first = i / channels * run, last = first + run < rows ? first + run : rows;
        float64 sum = 0, product = 0;
        for (INDEX row = first; row < last; row += HELD) {
            REAL own_sum = 0, own_product = 0;
            for (int k = 0; k < HELD; k++) {
                if (row + k < last) {
                    INDEX j = (row + k) * channels + c;
                    own_sum += dy[j];
                    own_product += (x[j] - mean[c]) * dy[j];
                }
            }
            sum += own_sum;
            product += own_product;
        }
        dbias[i] = sum;
        dproduct[i] = product;
    }
}

// What dx is made of in training: mean, scale, slope and level, (4, channels), from sums over the batch
KERNEL void batch_norm_slopes(const float64* mean, const float64* inverse, const float64* m, const float64* dbias,
                              const float64* dweight, const REAL* weight, REAL* vectors, INDEX count) {
    INDEX channels = count / 4;
    for (EACH(i, count)) {
        INDEX c = i % channels, which = i / channels;
        float64 scale = weight[c] * inverse[c];
        vectors[i] = which == 0   ? mean[c]
                     : which == 1 ? scale
                     : which == 2 ? -scale * inverse[c] * (dweight[c] / m[0])
                                  : -scale * (dbias[c] / m[0]);
    }
}

// dx = dy · scale + (x − mean) · slope + level; vectors as above
KERNEL void batch_norm_backward(const REAL* dy, const REAL* x, const REAL* vectors, INDEX channels, REAL* dx,
                                INDEX count) {
    for (EACH(i, count)) {
        const REAL* of = vectors + i % channels;
        dx[i] = dy[i] * of[channels] + (x[i] - of[0]) * of[2 * channels] + of[3 * channels];
    }
}

// running ← running + momentum · (the batch's − running), from its count, its total and its squares about the mean
KERNEL void batch_norm_absorb(const float64* m, const float64* total, const float64* squares, float64 momentum,
                              REAL* running_mean, REAL* running_var, INDEX count) {
    for (EACH(c, count)) {
        running_mean[c] += momentum * (total[c] / m[0] - running_mean[c]);
        running_var[c] += momentum * (squares[c] / (m[0] - 1) - running_var[c]);
    }
}

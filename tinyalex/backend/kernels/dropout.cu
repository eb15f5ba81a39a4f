// factor = 1 / scale where u ≥ p, else 0; y = x · factor. All of one shape
KERNEL void dropout(const float32* u, const REAL* x, float32 p, REAL scale, REAL* factor, REAL* y, INDEX count) {
    for (EACH(i, count)) {
        factor[i] = (u[i] >= p) / scale;
        y[i] = x[i] * factor[i];
    }
}

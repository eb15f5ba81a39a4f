// dx = dy where y is not 0, that is where x > 0 or NaN. All of one shape
KERNEL void relu_backward(const REAL* dy, const REAL* y, REAL* dx, INDEX count) {
    for (EACH(i, count)) dx[i] = y[i] != 0 ? dy[i] : 0 * dy[i];
}

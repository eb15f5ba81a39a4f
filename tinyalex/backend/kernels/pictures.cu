// x (views, T, T, 3) from pictures (N, S, S, 3): view v shows picture v mod N from pixel (looks[0, v], looks[1, v]) on,
// right to left if looks[2, v]:  (pixel − mean + shift) · scale. mean: (S, S, 3), shifts: (views, 3), scale: for R, G, B
KERNEL void picture_views(const uint8* pictures, const REAL* mean, const int64* looks, const REAL* shifts, REAL red,
                          REAL green, REAL blue, INDEX N, INDEX S, INDEX T, REAL* x, INDEX count) {
    INDEX views = count / (3 * T * T);
    for (EACH(i, count)) {
        INDEX c = i % 3, col = i / 3 % T, row = i / (3 * T) % T, view = i / (3 * T * T);
        INDEX there = looks[2 * views + view] ? T - 1 - col : col;
        INDEX place = ((looks[view] + row) * S + looks[views + view] + there) * 3 + c;
        REAL scale = c == 0 ? red : c == 1 ? green : blue;
        x[i] = (pictures[view % N * S * S * 3 + place] - mean[place]) * scale + shifts[3 * view + c] * scale;
    }
}

// Pooling. x: (N, H, W, C); y: (N, OH, OW, C). Window (oh, ow) begins at pixel (top, left), which may lie on the padding.
// Backward has a thread for each window too: it owns the pixels from its window's first to the next window's, at the
// edges to the picture's, and asks for each of them all windows that hold it, the last first, as the layer adds them up.

// The largest value and its place in the window, counted row by row; of equal ones the first, of NaNs the last
KERNEL void max_pool(const REAL* x, INDEX H, INDEX W, INDEX C, INDEX OH, INDEX OW, INDEX KH, INDEX KW, INDEX SH,
                     INDEX SW, INDEX PH, INDEX PW, uint8* winner, REAL* y, INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % C, ow = i / C % OW, oh = i / C / OW % OH, n = i / C / OW / OH;
        INDEX top = oh * SH - PH, left = ow * SW - PW, place = -1;
        REAL largest = 0;
        for (INDEX h = max(top, (INDEX)0); h < min(top + KH, H); h++)
            for (INDEX w = max(left, (INDEX)0); w < min(left + KW, W); w++) {
                REAL value = x[((n * H + h) * W + w) * C + c];
                if (place < 0 || value > largest || isnan(value)) {
                    largest = value;
                    place = (h - top) * KW + w - left;
                }
            }
        winner[i] = place;
        y[i] = largest;
    }
}

// The largest value alone
KERNEL void max_pool_values(const REAL* x, INDEX H, INDEX W, INDEX C, INDEX OH, INDEX OW, INDEX KH, INDEX KW, INDEX SH,
                            INDEX SW, INDEX PH, INDEX PW, REAL* y, INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % C, ow = i / C % OW, oh = i / C / OW % OH, n = i / C / OW / OH;
        INDEX top = max(oh * SH - PH, (INDEX)0), left = max(ow * SW - PW, (INDEX)0);
        REAL largest = x[((n * H + top) * W + left) * C + c];
        for (INDEX h = top; h < min(oh * SH - PH + KH, H); h++)
            for (INDEX w = left; w < min(ow * SW - PW + KW, W); w++) {
                REAL value = x[((n * H + h) * W + w) * C + c];
                if (value > largest || isnan(value)) largest = value;
            }
        y[i] = largest;
    }
}

// dx: the sum of dy over the windows that a pixel wins
KERNEL void max_pool_backward(const REAL* dy, const uint8* winner, INDEX H, INDEX W, INDEX C, INDEX OH, INDEX OW,
                              INDEX KH, INDEX KW, INDEX SH, INDEX SW, INDEX PH, INDEX PW, REAL* dx, INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % C, ow = i / C % OW, oh = i / C / OW % OH, n = i / C / OW / OH;
        INDEX top = oh * SH - PH, bottom = oh + 1 < OH ? min(top + SH, H) : H;
        INDEX left = ow * SW - PW, right = ow + 1 < OW ? min(left + SW, W) : W;
        for (INDEX h = max(top, (INDEX)0); h < bottom; h++)
            for (INDEX w = max(left, (INDEX)0); w < right; w++) {
                REAL sum = 0;
                for (INDEX a = oh, row = h - top; a >= 0 && row < KH; a--, row += SH)
                    for (INDEX b = ow, column = w - left; b >= 0 && column < KW; b--, column += SW) {
                        INDEX window = ((n * OH + a) * OW + b) * C + c;
                        sum += dy[window] * (winner[window] == row * KW + column);
                    }
                dx[((n * H + h) * W + w) * C + c] = sum;
            }
    }
}

// The mean; BH, BW: rows and columns of the padding that count
KERNEL void avg_pool(const REAL* x, INDEX H, INDEX W, INDEX C, INDEX OH, INDEX OW, INDEX KH, INDEX KW, INDEX SH,
                     INDEX SW, INDEX PH, INDEX PW, INDEX BH, INDEX BW, REAL* y, INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % C, ow = i / C % OW, oh = i / C / OW % OH, n = i / C / OW / OH;
        INDEX top = oh * SH - PH, left = ow * SW - PW;
        REAL sum = 0;
        for (INDEX h = max(top, (INDEX)0); h < min(top + KH, H); h++)
            for (INDEX w = max(left, (INDEX)0); w < min(left + KW, W); w++) sum += x[((n * H + h) * W + w) * C + c];
        INDEX rows = min(top + KH, H + BH) - max(top, -BH), columns = min(left + KW, W + BW) - max(left, -BW);
        y[i] = sum / (rows * columns);
    }
}

// dx: the sum of every window's share, dy over the number of its pixels
KERNEL void avg_pool_backward(const REAL* dy, INDEX H, INDEX W, INDEX C, INDEX OH, INDEX OW, INDEX KH, INDEX KW,
                              INDEX SH, INDEX SW, INDEX PH, INDEX PW, INDEX BH, INDEX BW, REAL* dx, INDEX count) {
    for (EACH(i, count)) {
        INDEX c = i % C, ow = i / C % OW, oh = i / C / OW % OH, n = i / C / OW / OH;
        INDEX top = oh * SH - PH, bottom = oh + 1 < OH ? min(top + SH, H) : H;
        INDEX left = ow * SW - PW, right = ow + 1 < OW ? min(left + SW, W) : W;
        for (INDEX h = max(top, (INDEX)0); h < bottom; h++)
            for (INDEX w = max(left, (INDEX)0); w < right; w++) {
                REAL sum = 0;
                for (INDEX a = oh; a >= 0 && h < a * SH - PH + KH; a--)
                    for (INDEX b = ow; b >= 0 && w < b * SW - PW + KW; b--) {
                        INDEX rows = min(a * SH - PH + KH, H + BH) - max(a * SH - PH, -BH);
                        INDEX columns = min(b * SW - PW + KW, W + BW) - max(b * SW - PW, -BW);
                        sum += dy[((n * OH + a) * OW + b) * C + c] / (rows * columns);
                    }
                dx[((n * H + h) * W + w) * C + c] = sum;
            }
    }
}

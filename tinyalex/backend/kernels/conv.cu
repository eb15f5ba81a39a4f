// strips of x (N, H, W, C): (groups, N, OH, width, depth), as in layers/strips.py. A thread fills every `apart`-th run of
// a row, for one channel; x counts as 0 outside the picture and beyond the kernel
KERNEL void strips(const REAL* x, INDEX N, INDEX H, INDEX W, INDEX C, INDEX groups, INDEX KH, INDEX SH, INDEX SW,
                   INDEX PH, INDEX PW, INDEX OH, INDEX width, INDEX step, INDEX depth, INDEX apart, REAL* strips,
                   INDEX count) {
    const INDEX channels = C / groups;
    for (EACH(i, count)) {
        const INDEX c = i % channels, thread = i / channels, row = thread / apart, picture = row / OH;
        const INDEX n = groups == 1 ? picture : picture % N, g = groups == 1 ? 0 : picture / N;
        const INDEX top = row % OH * SH - PH, bottom = top + KH < H ? top + KH : H;
        for (INDEX run = thread % apart; run < width; run += apart) {
            const INDEX w = (step == SW ? run : run / step * SW + run % step) - PW;
            const INDEX end = w >= 0 && w < W ? bottom : top, to = (row * width + run) * depth;
            INDEX from = ((n * H + top) * W + w) * C + g * channels + c;
            for (INDEX h = top, d = c; d < depth; h++, d += channels, from += W * C)
                strips[to + d] = h >= 0 && h < end ? x[from] : 0;
        }
    }
}

// dx (N, H, W, C) = for each pixel the sum of what the windows that hold it say of it, in the order of the kernel's rows
// and columns. dcolumns: (groups, N, OH, OW, KH, KW, C/groups)
KERNEL void col2im(const REAL* dcolumns, INDEX N, INDEX H, INDEX W, INDEX C, INDEX groups, INDEX KH, INDEX KW,
                   INDEX SH, INDEX SW, INDEX PH, INDEX PW, INDEX OH, INDEX OW, REAL* dx, INDEX count) {
    const INDEX channels = C / groups;
    for (EACH(i, count)) {
        const INDEX pixel = i / C, row = pixel / W, n = row / H;
        const INDEX h = row % H + PH, w = pixel % W + PW, g = i % C / channels, c = i % C % channels;
        REAL sum = 0;
        for (INDEX kh = h % SH, oh = h / SH; kh < KH && oh >= 0; kh += SH, oh--)
            for (INDEX kw = w % SW, ow = w / SW; kw < KW && ow >= 0; kw += SW, ow--)
                if (oh < OH && ow < OW) {
                    const INDEX window = ((g * N + n) * OH + oh) * OW + ow;
                    sum += dcolumns[((window * KH + kh) * KW + kw) * channels + c];
                }
        dx[i] = sum;
    }
}

// y (…, F) += bias (F,)
KERNEL void add_bias(const REAL* bias, INDEX F, REAL* y, INDEX count) {
    for (EACH(i, count)) y[i] += bias[i % F];
}

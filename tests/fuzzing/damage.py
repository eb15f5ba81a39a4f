"""Ways to spoil bytes that are right."""

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)


def spoiled(random, data, most=4):
    """The bytes with one to `most` faults: bits turned, numbers at their limits, parts cut, doubled or zeroed."""
    data = bytearray(data)
    for _ in range(random.randint(1, most)):
        random.choice(FAULTS)(random, data)
    return bytes(data)


def _place(random, data, length=1):
    return random.randrange(max(1, len(data) - length + 1))


def _turn_bit(random, data):
    if data:
        data[_place(random, data)] ^= 1 << random.randrange(8)


def _set_byte(random, data):
    if data:
        data[_place(random, data)] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, random.randrange(256)))


def _set_number(random, data):
    width = random.choice((2, 4, 8))
    number = (random.choice(NUMBERS) & (1 << 8 * width) - 1).to_bytes(width, random.choice(("little", "big")))
    at = _place(random, data, width)
    data[at : at + width] = number


def _cut_end(random, data):
    del data[_place(random, data) :]


def _cut_part(random, data):
    at = _place(random, data)
    del data[at : at + random.randint(1, 64)]


def _double_part(random, data):
    at = _place(random, data)
    data[at:at] = data[at : at + random.randint(1, 64)]


def _zero_part(random, data):
    at = _place(random, data)
    part = len(data[at : at + random.randint(1, 512)])
    data[at : at + part] = bytes(part)


def _add_noise(random, data):
    at = _place(random, data)
    data[at:at] = random.randbytes(random.randint(1, 64))


FAULTS = (_turn_bit, _set_byte, _set_number, _cut_end, _cut_part, _double_part, _zero_part, _add_noise)

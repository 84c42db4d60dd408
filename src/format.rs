//! Floor 0: what the bytes mean. No I/O, clock, randomness or async.

//! Floor 1: an ordered, transactional key-value store.

//! Peers that lie: each ends in the named error.

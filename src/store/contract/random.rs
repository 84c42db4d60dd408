//! Operations by chance, compared with a plain map.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::{Durability, ReadTx, Storage, WriteTx};
use super::{DIRECTIONS, Rows, scan};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Runs 40 writes of random operations and compares after each step.
pub(super) fn agrees_with_a_map(store: &dyn Storage, seed: u64) {
    // Spread over all bits, or the first draws of small seeds would be zeros.
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut model = Model::new();
    let mut held: Option<(Box<dyn ReadTx>, Model)> = None;
    for step in 0..40 {
        let at = format!("seed {seed}, step {step}");
        let mut write = store.write().expect("a write");
        let mut changed = model.clone();
        change(&mut *write, &mut changed, &mut chance);
        compare(&*write, &changed, &mut chance, &at);
        if chance.below(4) == 0 {
            drop(write);
        } else {
            write.commit(chance.durability()).expect("a commit");
            model = changed;
        }
        let snapshot = store.read().expect("a snapshot");
        compare(&*snapshot, &model, &mut chance, &at);
        if let Some((older, known)) = &held {
            compare(&**older, known, &mut chance, &at);
        }
        if chance.below(3) == 0 {
            held = Some((snapshot, model.clone()));
        }
    }
}

fn change(write: &mut (dyn WriteTx + '_), model: &mut Model, chance: &mut Chance) {
    // Sometimes more than a backend may treat one by one.
    let most = if chance.below(4) == 0 { 400 } else { 12 };
    for _ in 0..chance.below(most) {
        let key = chance.key();
        if chance.below(3) == 0 {
            write.delete(&key).expect("a deletion");
            model.remove(&key);
        } else {
            let value = vec![key.len().to_le_bytes()[0]; chance.below(300)];
            write.put(&key, Bytes::from(value.clone())).expect("a row");
            model.insert(key, value);
        }
    }
}

fn compare(reads: &(dyn ReadTx + '_), model: &Model, chance: &mut Chance, at: &str) {
    let (from, to) = (chance.key(), (chance.below(4) > 0).then(|| chance.key()));
    let within = |key: &Vec<u8>| *key >= from && to.as_ref().is_none_or(|to| key < to);
    let mut expected: Rows = model
        .iter()
        .filter(|(key, _)| within(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for direction in DIRECTIONS {
        let rows = scan(reads, &from, to.as_deref(), direction);
        assert!(
            rows == expected,
            "{at}: {direction:?} from {from:?} to {to:?}"
        );
        expected.reverse();
    }
    let key = chance.key();
    let value = reads.value(&key).expect("a read");
    assert_eq!(value.as_ref(), model.get(&key), "{at}: value of {key:?}");
}

/// Marsaglia's xorshift: no dependency, and the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }

    /// Short keys over four letters, so that they collide, nest and touch both ends.
    fn key(&mut self) -> Vec<u8> {
        let len = self.below(6);
        let mut letter = || [0, 1, 0x7f, 0xff].get(self.below(4)).copied().unwrap_or(0);
        (0..len).map(|_| letter()).collect()
    }

    fn durability(&mut self) -> Durability {
        match self.below(3) {
            0 => Durability::Relaxed,
            1 => Durability::Durable,
            _ => Durability::Checkpoint,
        }
    }
}

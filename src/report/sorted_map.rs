//! A map that needs little memory: for maps with few entries that exist for each phase and worker of each trial, and
//! for maps that are filled in the order of their keys.
//!
//! A `BTreeMap` with one entry has room for eleven.

/// The entries in the order of their keys.
#[derive(Debug, Clone)]
pub(super) struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V> SortedMap<K, V> {
    fn place(&self, key: K) -> Result<usize, usize> {
        self.0.binary_search_by_key(&key, |(own, _)| *own)
    }

    /// Returns the value of a key.
    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.place(key).ok().map(|at| &self.0[at].1)
    }

    /// Returns a mutable reference to the value of a key.
    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.place(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Returns the value of a key, inserting `fresh` if there is none.
    pub(super) fn or_insert(&mut self, key: K, fresh: impl FnOnce() -> V) -> &mut V {
        let at = self.place(key).unwrap_or_else(|at| self.add(at, key, fresh()));
        &mut self.0[at].1
    }

    /// Sets the value of a key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.place(key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => _ = self.add(at, key, value),
        }
    }

    /// Removes a key.
    pub(super) fn remove(&mut self, key: K) {
        if let Ok(at) = self.place(key) {
            self.0.remove(at);
        }
    }

    /// Removes all keys.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the number of keys.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the map is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, at: usize, key: K, value: V) -> usize {
        // A single entry needs room for one only; larger maps grow by half, so that few insertions copy them.
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact((self.0.len() / 2).max(1));
        }
        self.0.insert(at, (key, value));
        at
    }

    /// Returns the keys and values in the order of the keys.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// Returns the values in the order of the keys.
    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Returns the values of this key and of greater keys.
    pub(super) fn values_from(&self, key: K) -> impl Iterator<Item = &V> {
        let at = self.place(key).unwrap_or_else(|at| at);
        self.0[at..].iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn entries_are_in_the_order_of_their_keys_however_they_came() {
        for keys in [&[][..], &[3], &[1, 2, 3], &[3, 1, 2, 1, 9, 4], &[5, 4, 3, 2, 1, 0, 5]] {
            let (mut map, mut known) = (SortedMap::default(), BTreeMap::new());
            for (key, value) in keys.iter().copied().zip(0..) {
                map.or_insert(key, || value);
                known.entry(key).or_insert(value);
                if value > 4 {
                    map.insert(key, value);
                    known.insert(key, value);
                }
                map.insert(value + 20, value);
                known.insert(value + 20, value);
                *map.get_mut(key).unwrap() += 10;
                *known.get_mut(&key).unwrap() += 10;
            }
            assert!(map.values().eq(known.values()));
            assert!(map.iter().eq(known.iter().map(|(key, value)| (*key, value))));
            for key in 0..30 {
                assert_eq!(map.get(key), known.get(&key));
                assert!(map.values_from(key).eq(known.range(key..).map(|(_, value)| value)));
            }
            for key in [3, 30, 1] {
                map.remove(key);
                known.remove(&key);
                assert!(map.values().eq(known.values()));
                assert_eq!((map.len(), map.is_empty()), (known.len(), known.is_empty()));
            }
            map.clear();
            assert!(map.is_empty());
        }
    }

    #[test]
    fn a_map_with_one_entry_has_room_for_one() {
        let mut map = SortedMap::default();
        map.or_insert(1, || 'a');
        assert_eq!(map.0.capacity(), 1);
    }
}

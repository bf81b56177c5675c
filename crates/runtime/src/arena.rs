//! Places for things that come and go: each is found by its index, and a stale index is noticed.
//!
//! **Invariants**
//! - A place's generation goes up by one whenever its thing is taken out, so a [`Place`] never
//!   finds a thing that came later. A place whose generations are used up is not used again.

/// The name of a thing in an [`Arena`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Place {
    pub(crate) index: u32,
    generation: u32,
}

impl Place {
    /// The place as one number, another for each place.
    pub(crate) fn number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }
}

/// Things by their places.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    thing: Option<T>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Arena<T> {
    /// Takes `thing` in.
    ///
    /// # Panics
    /// If all of 2³² places are taken; the store's limits are far below.
    pub(crate) fn insert(&mut self, thing: T) -> Place {
        self.len += 1;
        if let Some(index) = self.free.pop() {
            let entry = &mut self.entries[index as usize];
            entry.thing = Some(thing);
            return Place { index, generation: entry.generation };
        }
        let index = u32::try_from(self.entries.len()).expect("the limits are below 2^32");
        self.entries.push(Entry { generation: 0, thing: Some(thing) });
        Place { index, generation: 0 }
    }

    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        let entry = self.entries.get(place.index as usize)?;
        if entry.generation == place.generation { entry.thing.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        let entry = self.entries.get_mut(place.index as usize)?;
        if entry.generation == place.generation { entry.thing.as_mut() } else { None }
    }

    /// The place of the thing that is now at `index`.
    pub(crate) fn place_at(&self, index: u32) -> Option<Place> {
        let entry = self.entries.get(index as usize)?;
        entry.thing.is_some().then_some(Place { index, generation: entry.generation })
    }

    /// Takes a thing out.
    pub(crate) fn remove(&mut self, place: Place) -> Option<T> {
        let entry = self.entries.get_mut(place.index as usize)?;
        if entry.generation != place.generation {
            return None;
        }
        let thing = entry.thing.take()?;
        self.len -= 1;
        if let Some(next) = entry.generation.checked_add(1) {
            entry.generation = next;
            self.free.push(place.index);
        }
        Some(thing)
    }

    /// Takes everything out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.len = 0;
        self.free.clear();
        self.entries.drain(..).filter_map(|entry| entry.thing)
    }

    /// Everything that is there.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Place, &T)> {
        (0..).zip(&self.entries).filter_map(|(index, entry)| {
            let place = Place { index, generation: entry.generation };
            entry.thing.as_ref().map(|thing| (place, thing))
        })
    }

    /// How many places there are, taken or not: every index is below.
    pub(crate) fn places(&self) -> usize {
        self.entries.len()
    }

    /// How many things are there.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_place_finds_nothing() {
        let mut arena = Arena::default();
        let first = arena.insert('a');
        assert_eq!(arena.remove(first), Some('a'));
        let second = arena.insert('b');
        assert_eq!(first.index, second.index);
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.get(second), Some(&'b'));
        assert_eq!(arena.place_at(second.index), Some(second));
    }

    #[test]
    fn a_place_without_generations_left_is_retired() {
        let mut arena = Arena::default();
        let place = arena.insert('a');
        arena.entries[0].generation = u32::MAX;
        let last = Place { generation: u32::MAX, ..place };
        assert_eq!(arena.remove(last), Some('a'));
        assert_ne!(arena.insert('b').index, last.index);
        assert_eq!(arena.get(last), None);
    }
}

//! Reading a directory a buffer at a time.
//!
//! A guest passes a cookie, which is the number of entries it has seen. Where it goes on from the
//! last call, so does the host's iterator; anywhere else the directory is read again from its
//! start. Nothing but one entry is held between calls.
//!
//! **Invariants**
//! - Cookie 0 is always a fresh look at the directory.
//! - The last record may be cut off by the end of the buffer, as the specification says; the next
//!   call with its cookie repeats it.

use std::fmt;

use crate::errno::Errno;
use crate::filestat::Filetype;
use crate::fs::{Entries, Entry};
use crate::guest::Record;
use crate::sandbox::GuestDirectory;

/// A place in a directory.
pub(crate) struct Listing {
    entries: Entries,
    /// The number of the entry that comes next.
    next: u64,
    /// That entry, if it was fetched but not fully given.
    pending: Option<Entry>,
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Listing {
    fn of(directory: &GuestDirectory) -> Result<Self, Errno> {
        let own = directory.own_filestat()?.inode;
        // The parent's inode is none of the guest's business.
        let dots = [".", ".."].map(|name| {
            Ok(Entry { name: name.to_owned(), inode: own, filetype: Filetype::Directory })
        });
        let entries = Box::new(dots.into_iter().chain(directory.entries()?));
        Ok(Self { entries, next: 0, pending: None })
    }

    /// The next entry, without leaving it behind.
    fn peek(&mut self) -> Result<Option<&Entry>, Errno> {
        if self.pending.is_none() {
            self.pending = self.entries.next().transpose()?;
        }
        Ok(self.pending.as_ref())
    }

    fn advance(&mut self) {
        self.pending = None;
        self.next += 1;
    }
}

/// Fills `buffer` with the entries from `cookie` on. Returns the bytes used: fewer than the
/// buffer's only at the end of the directory.
///
/// # Errors
/// `overflow` beyond `entries_max` entries.
pub(crate) fn read(
    directory: &GuestDirectory,
    listing: &mut Option<Listing>,
    cookie: u64,
    buffer: &mut [u8],
    entries_max: u64,
) -> Result<usize, Errno> {
    let mut place = match listing.take() {
        Some(place) if cookie != 0 && place.next == cookie => place,
        _ => Listing::of(directory)?,
    };
    if cookie > entries_max {
        return Err(Errno::Overflow);
    }
    while place.next < cookie {
        if place.peek()?.is_none() {
            return Ok(0);
        }
        place.advance();
    }
    let mut used = 0;
    while used < buffer.len() {
        let next = place.next + 1;
        let Some(entry) = place.peek()? else {
            break;
        };
        // Even if some were read: a buffer that is not full would say that these are all.
        if next > entries_max {
            return Err(Errno::Overflow);
        }
        let room = &mut buffer[used..];
        let header = record(entry, next)?;
        let written = put(room, header.bytes(), entry.name.as_bytes());
        used += written;
        if written < header.bytes().len() + entry.name.len() {
            break;
        }
        place.advance();
    }
    *listing = Some(place);
    Ok(used)
}

/// The specification's `dirent`, 24 bytes before the name.
fn record(entry: &Entry, next: u64) -> Result<Record<24>, Errno> {
    Ok(Record::new()
        .set(0, next.to_le_bytes())
        .set(8, entry.inode.to_le_bytes())
        .set(16, u32::try_from(entry.name.len())?.to_le_bytes())
        .set(20, [entry.filetype as u8]))
}

/// Copies as much of the two as fits.
fn put(room: &mut [u8], header: &[u8], name: &[u8]) -> usize {
    let mut used = 0;
    for part in [header, name] {
        let length = part.len().min(room.len() - used);
        room[used..used + length].copy_from_slice(&part[..length]);
        used += length;
    }
    used
}

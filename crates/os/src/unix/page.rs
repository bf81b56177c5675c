//! The size of a page, and sizes in whole pages.
//!
//! **Invariants**
//! - The page size is a power of two and never changes while the process lives.

/// The size of a page in bytes: 4 KiB on x86_64; 4, 16 or 64 KiB on aarch64.
///
/// rustix reads it from the auxiliary vector once and keeps it, so this is one relaxed load.
#[inline]
pub fn page_size() -> usize {
    rustix::param::page_size()
}

/// `bytes` rounded up to whole pages, unless that doesn't fit in a `usize`.
#[inline]
pub fn round_up_to_page(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(page_size())
}

/// Whether `value` is a whole number of pages.
#[inline]
pub(crate) fn is_page_multiple(value: usize) -> bool {
    value.is_multiple_of(page_size())
}

#[cfg(test)]
mod tests {
    use super::{page_size, round_up_to_page};

    #[test]
    fn rounds_up_to_whole_pages_or_says_no() {
        let page = page_size();
        assert!(page.is_power_of_two());
        assert_eq!(round_up_to_page(0), Some(0));
        assert_eq!(round_up_to_page(1), Some(page));
        assert_eq!(round_up_to_page(page), Some(page));
        assert_eq!(round_up_to_page(page + 1), Some(2 * page));
        assert_eq!(round_up_to_page(usize::MAX), None);
    }
}

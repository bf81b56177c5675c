//! Reservations and the images mapped into them.

use brolga_os::{MemoryImage, OsErrorKind, Reservation, page_size};

/// A byte of committed memory.
fn read(reservation: &Reservation, offset: usize) -> u8 {
    assert!(offset < reservation.len());
    // SAFETY: inside the reservation; each test commits what it reads.
    unsafe { reservation.as_ptr().add(offset).read_volatile() }
}

fn write(reservation: &Reservation, offset: usize, value: u8) {
    assert!(offset < reservation.len());
    // SAFETY: inside the reservation; each test commits what it writes.
    unsafe { reservation.as_ptr().add(offset).write_volatile(value) };
}

fn pages(count: usize) -> Reservation {
    Reservation::new(count * page_size()).unwrap()
}

/// Permissions of the page at an address, as the kernel sees them.
fn permissions(address: usize) -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines()
        .find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let start = usize::from_str_radix(start, 16).ok()?;
            let end = usize::from_str_radix(end, 16).ok()?;
            (start..end).contains(&address).then(|| rest[..4].to_owned())
        })
        .unwrap_or_default()
}

#[test]
#[cfg_attr(miri, ignore = "reads what the kernel maps")]
fn committed_pages_are_zero_and_writable_and_the_rest_is_inaccessible() {
    let page = page_size();
    let reservation = pages(4);
    reservation.commit(page, page).unwrap();
    assert_eq!(read(&reservation, page), 0);
    write(&reservation, 2 * page - 1, 7);
    assert_eq!(read(&reservation, 2 * page - 1), 7);
    let base = reservation.as_ptr().addr();
    let seen: Vec<_> = (0..4).map(|index| permissions(base + index * page)).collect();
    assert_eq!(seen, ["---p", "rw-p", "---p", "---p"]);
}

#[test]
fn committing_again_keeps_contents() {
    let page = page_size();
    let reservation = pages(2);
    reservation.commit(0, page).unwrap();
    write(&reservation, 0, 9);
    reservation.commit(0, 2 * page).unwrap();
    assert_eq!(read(&reservation, 0), 9);
}

#[test]
#[cfg_attr(miri, ignore = "reads what the kernel maps")]
fn decommitted_pages_are_inaccessible_and_come_back_as_zero() {
    let page = page_size();
    let reservation = pages(2);
    reservation.commit(0, 2 * page).unwrap();
    write(&reservation, page, 5);
    reservation.decommit(page, page).unwrap();
    assert_eq!(permissions(reservation.as_ptr().addr() + page), "---p");
    reservation.commit(page, page).unwrap();
    assert_eq!(read(&reservation, page), 0);
}

#[test]
fn reset_pages_are_zero_and_stay_writable() {
    let page = page_size();
    let reservation = pages(2);
    reservation.commit(0, page).unwrap();
    write(&reservation, 3, 5);
    reservation.reset(0, 2 * page).unwrap();
    assert_eq!(read(&reservation, 3), 0);
    write(&reservation, 3, 6);
}

#[test]
fn an_image_is_copied_on_write_and_comes_back_on_reset() {
    let page = page_size();
    let image = MemoryImage::new(b"first contents").unwrap();
    assert_eq!(image.len(), page);
    let (one, two) = (pages(3), pages(3));
    for reservation in [&one, &two] {
        reservation.map_image(page, &image).unwrap();
        assert_eq!(read(reservation, page), b'f');
        assert_eq!(read(reservation, 2 * page - 1), 0);
    }
    drop(image);
    write(&one, page, b'F');
    assert_eq!((read(&one, page), read(&two, page)), (b'F', b'f'));
    one.reset(0, 3 * page).unwrap();
    assert_eq!(read(&one, page), b'f');
    one.decommit(0, 3 * page).unwrap();
    one.commit(0, 3 * page).unwrap();
    assert_eq!(read(&one, page), 0);
}

#[test]
fn an_image_over_written_pages_hides_them() {
    let image = MemoryImage::new(&[1]).unwrap();
    let reservation = pages(1);
    reservation.commit(0, page_size()).unwrap();
    write(&reservation, 1, 5);
    reservation.map_image(0, &image).unwrap();
    assert_eq!((read(&reservation, 0), read(&reservation, 1)), (1, 0));
}

#[test]
fn images_of_whole_pages_and_of_nothing() {
    let page = page_size();
    assert_eq!(MemoryImage::new(&vec![1; 2 * page]).unwrap().len(), 2 * page);
    let nothing = MemoryImage::new(&[]).unwrap();
    assert!(nothing.is_empty());
    pages(1).map_image(page, &nothing).unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "asks the kernel for a file")]
fn a_sealed_image_refuses_to_change() {
    // There it has no file to ask about.
    #[cfg(not(miri))]
    {
        use rustix::fs::SealFlags;

        let image = MemoryImage::new(&[1]).unwrap();
        let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
        assert!(rustix::fs::fcntl_get_seals(&image).unwrap().contains(all));
        assert_eq!(rustix::io::pwrite(&image, &[2], 0), Err(rustix::io::Errno::PERM));
    }
}

#[test]
fn ranges_that_do_not_fit_are_errors() {
    let page = page_size();
    let reservation = pages(2);
    let image = MemoryImage::new(&vec![0; 2 * page]).unwrap();
    let ranges = [(0, 3 * page), (3 * page, 0), (2 * page, page), (usize::MAX - page + 1, page)];
    for (offset, len) in ranges {
        for result in [
            reservation.commit(offset, len),
            reservation.decommit(offset, len),
            reservation.reset(offset, len),
        ] {
            let kind = OsErrorKind::OutOfRange { offset, mapped_bytes: 2 * page };
            assert_eq!(result.unwrap_err().kind(), kind);
        }
    }
    for offset in [page, 2 * page, usize::MAX - page + 1] {
        let error = reservation.map_image(offset, &image).unwrap_err();
        assert!(matches!(error.kind(), OsErrorKind::OutOfRange { .. }), "{error}");
    }
}

#[test]
fn parts_of_pages_are_errors() {
    let page = page_size();
    let reservation = pages(2);
    for (offset, len, value) in [(1, page, 1), (page, 8, 8)] {
        let kind = OsErrorKind::Misaligned { value };
        assert_eq!(reservation.commit(offset, len).unwrap_err().kind(), kind);
        assert_eq!(reservation.reset(offset, len).unwrap_err().kind(), kind);
    }
    let error = Reservation::new(page + 1).unwrap_err();
    assert_eq!(error.kind(), OsErrorKind::Misaligned { value: page + 1 });
}

#[test]
fn nothing_can_be_reserved() {
    let nothing = Reservation::new(0).unwrap();
    assert!(nothing.is_empty());
    assert!(!nothing.as_ptr().is_null());
    assert!(nothing.as_ptr().addr().is_multiple_of(page_size()));
    nothing.commit(0, 0).unwrap();
    nothing.reset(0, 0).unwrap();
    assert!(nothing.commit(0, page_size()).is_err());
}

#[test]
fn more_than_there_is_is_an_error() {
    let error = Reservation::new(1 << 62).unwrap_err();
    assert_eq!(error.kind(), OsErrorKind::OutOfMemory);
    assert_eq!(error.requested_bytes(), 1 << 62);
    assert!(error.to_string().contains("RLIMIT_AS"), "{error}");
}

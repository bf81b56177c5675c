//! Names of functions as their authors wrote them.
//!
//! **Invariants**
//! - What is shown is bounded in length and has no control characters, whatever the name.

use core::fmt;

/// Longer names are cut.
const SHOWN_BYTES_MAX: usize = 1024;
/// Longer mangled names are shown as they are: nobody reads what they would become.
#[cfg(feature = "demangle")]
const MANGLED_BYTES_MAX: usize = 4096;

/// A function's name, to be shown to people: demangled if it is Rust's or C++'s.
///
/// The hash that old Rust names end with is left out.
pub(crate) struct Readable<'a>(pub(crate) &'a str);

impl fmt::Display for Readable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match demangle(self.0) {
            Some(name) => write_shown(f, &name),
            None => write_shown(f, self.0),
        }
    }
}

/// Control characters in a name could do anything to a terminal.
fn write_shown(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    use fmt::Write as _;
    let end = name.floor_char_boundary(SHOWN_BYTES_MAX);
    for character in name[..end].chars() {
        if character.is_control() {
            write!(f, "{}", character.escape_default())?;
        } else {
            f.write_char(character)?;
        }
    }
    f.write_str(if end < name.len() { "…" } else { "" })
}

#[cfg(not(feature = "demangle"))]
fn demangle(_: &str) -> Option<String> {
    None
}

#[cfg(feature = "demangle")]
fn demangle(name: &str) -> Option<String> {
    if name.len() > MANGLED_BYTES_MAX || !name.starts_with(['_', 'R', 'Z']) {
        return None;
    }
    let mut shown = Bounded::default();
    if let Ok(rust) = rustc_demangle::try_demangle(name) {
        fmt::write(&mut shown, format_args!("{rust:#}")).ok()?;
        return Some(shown.0);
    }
    let cpp = cpp_demangle::Symbol::new(name).ok()?;
    cpp.structured_demangle(&mut shown, &cpp_demangle::DemangleOptions::new()).ok()?;
    Some(shown.0)
}

/// Text that refuses to become long: names can refer to parts of themselves, and so double with
/// every few characters.
#[cfg(feature = "demangle")]
#[derive(Default)]
struct Bounded(String);

#[cfg(feature = "demangle")]
impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > 4 * SHOWN_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str) -> String {
        Readable(name).to_string()
    }

    #[test]
    #[cfg(feature = "demangle")]
    #[cfg_attr(
        miri,
        ignore = "cpp_demangle compares addresses of vtables, of which Miri makes many"
    )]
    fn rust_and_cpp_names() {
        for (mangled, readable) in [
            ("_ZN4core6option13unwrap_failed17h0123456789abcdefE", "core::option::unwrap_failed"),
            ("_RNvC6_123foo3bar", "123foo::bar"),
            ("_ZN5space3fooEibc", "space::foo(int, bool, char)"),
            (
                "_ZNSt6vectorIiSaIiEE9push_backEOi",
                "std::vector<int, std::allocator<int> >::push_back(int&&)",
            ),
            ("_ZN5space3foo", "_ZN5space3foo"),
            ("main", "main"),
        ] {
            assert_eq!(shown(mangled), readable);
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(shown("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\n");
        let long = shown(&"ä".repeat(1 << 20));
        assert_eq!(long.len(), SHOWN_BYTES_MAX + "…".len());
    }

    /// Names that would become long or deep, and every name a byte away from a good one.
    #[test]
    #[cfg(feature = "demangle")]
    #[cfg_attr(miri, ignore = "thousands of names take minutes")]
    fn hostile_names_end() {
        let started = std::time::Instant::now();
        let mut doubling = String::from("_Z1fI1aE");
        (0..30).for_each(|_| doubling.push_str("S_IS_S_E"));
        let deep = format!("_Z1f{}i", "P".repeat(4000));
        let nested = format!("_Z1f{}", "N1aI".repeat(900));
        let pairs = format!(
            "_Z1fI{}E",
            (0..60).map(|at| format!("St4pairIT{at}_S{at}_E")).collect::<String>()
        );
        for name in [&doubling, &deep, &nested, &pairs] {
            assert!(shown(name).len() <= SHOWN_BYTES_MAX + "…".len());
        }
        for good in [
            "_ZNSt6vectorIiSaIiEE9push_backEOi",
            "_ZNK3FooIXsrSt7is_sameIT_S1_E5valueEEcvbEvENKUlvE_clEv",
            "_ZN4core6option13unwrap_failed17h0123456789abcdefE",
            "_RINvNtC3std3mem8align_ofNtNtC3std3mem12DiscriminantE",
        ] {
            for at in 1..good.len() {
                for byte in "_ZNIESTXLPKRFv019zac".bytes() {
                    let mut name = good.as_bytes().to_vec();
                    name[at] = byte;
                    shown(core::str::from_utf8(&name).expect("ASCII"));
                    name.truncate(at);
                    shown(core::str::from_utf8(&name).expect("ASCII"));
                }
            }
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}

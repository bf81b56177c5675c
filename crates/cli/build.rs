//! How the program is linked: so that it starts fast.
//!
//! Constants of the compiler and the disassembler hold some 32,000 pointers, which the dynamic
//! loader has to adjust before `main`. In the packed form (`DT_RELR`) it reads 7 kB to do so
//! instead of 750, and a small program is run in two thirds of the processor's time. glibc knows
//! that form since 2.36 and refuses such a program before, so it is used where the machine that
//! builds is that new. Linkers that do not know the flag say so and go on.
//!
//! **Invariants**
//! - A program that is built for another kind of machine is linked as ever.

use std::process::Command;

/// The first version of glibc that loads the packed form.
const GLIBC_MIN: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name| std::env::var(name).unwrap_or_default();
    let is_glibc = variable("CARGO_CFG_TARGET_OS") == "linux"
        && variable("CARGO_CFG_TARGET_ENV") == "gnu"
        && variable("TARGET") == variable("HOST");
    if is_glibc && glibc().is_some_and(|version| version >= GLIBC_MIN) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of glibc on this machine, as `getconf` says it: `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

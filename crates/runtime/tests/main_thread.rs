//! Calls and traps on the process's main thread, whose stack the system made: the test harness
//! runs its tests on other threads, so this is a program of its own. Under Miri, which runs no
//! machine code, it does nothing.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod machine;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
fn main() {
    use brolga_abi::TrapCode;
    use machine::{Function, Store, shared};

    let store = Store::new(shared());
    let trap = |function| store.call(function, &[]).unwrap_err().trap_code();
    for _ in 0..3 {
        assert_eq!(store.call(Function::CallHost, &[6, 7]).unwrap()[0], 42);
        assert_eq!(trap(Function::Recurse), Some(TrapCode::StackOverflow));
        assert_eq!(trap(Function::Wreck), Some(TrapCode::IntegerOverflow));
        let raised = trap(Function::Unreachable);
        assert_eq!(raised, Some(TrapCode::UnreachableCodeReached));
    }
}

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
)))]
fn main() {}

//! A program built with `panic = "abort"`: traps and errors of the host are errors there as
//! everywhere, only a panic of the host's ends the process.
//!
//! It is given `tests/abort/traps.wat`, compiled. It says `as expected` and then panics in a host
//! function, so that it has done what it is for only if it ends by SIGABRT.

use brolga::{Engine, Linker, Module, Result, Store, Trap, bail, ensure};

fn main() -> Result<()> {
    let engine = Engine::default();
    let Some(path) = std::env::args_os().nth(1) else { bail!("no module given") };
    // SAFETY: `.ci/run` has just had it compiled.
    let module = unsafe { Module::deserialize_file(&engine, path) }?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "f", |number: i32| match number {
        0 => bail!("an error of the host's"),
        1 => panic!("a panic of the host's"),
        _ => Ok(number),
    })?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let traps = [
        ("unreachable", Trap::UnreachableCodeReached),
        ("memory", Trap::MemoryOutOfBounds),
        ("division", Trap::IntegerDivisionByZero),
        ("stack", Trap::StackOverflow),
    ];
    for round in 0..3 {
        for (name, trap) in traps {
            let func = instance.get_typed_func::<(), ()>(&mut store, name)?;
            let Err(error) = func.call(&mut store, ()) else { bail!("{name} did not trap") };
            ensure!(error.downcast_ref() == Some(&trap), "{name}, round {round}: {error:?}");
        }
        let host = instance.get_typed_func::<i32, i32>(&mut store, "host")?;
        let Err(error) = host.call(&mut store, 0) else { bail!("the host's error is gone") };
        ensure!(error.root_cause().to_string() == "an error of the host's", "{error:?}");
        ensure!(host.call(&mut store, 7)? == 7, "the host function's result");
    }
    println!("as expected");
    let host = instance.get_typed_func::<i32, i32>(&mut store, "host")?;
    let came_back = host.call(&mut store, 1);
    bail!("a panic came back where none can: {came_back:?}")
}

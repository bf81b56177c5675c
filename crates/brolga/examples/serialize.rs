//! Compiling now, running later: without the compiler if need be.

use brolga::*;

const MODULE: &str = r#"
    (module
        (func (export "answer") (result i32) (i32.const 42)))
    "#;

fn main() -> Result<()> {
    let path = std::env::temp_dir().join(format!("brolga-example-{}", std::process::id()));
    std::fs::write(&path, compile()?)?;
    let answer = run(&path);
    std::fs::remove_file(&path)?;
    println!("{answer:?}");
    assert_eq!(answer?, 42);
    Ok(())
}

fn compile() -> Result<Vec<u8>> {
    Engine::default().precompile_module(MODULE.as_bytes())
}

/// This part works in a build without the feature `compiler`.
fn run(path: &std::path::Path) -> Result<i32> {
    let engine = Engine::default();
    // A damaged file, or one of another version or machine, is an error. What can't be seen is
    // whether somebody has put other code there.
    //
    // SAFETY: the file is what `compile` made; nobody else writes to it.
    let module = unsafe { Module::deserialize_file(&engine, path)? };
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    instance.get_typed_func::<(), i32>(&mut store, "answer")?.call(&mut store, ())
}

//! Wasm that stops after a time: another thread counts, and code looks now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brolga::*;

const ENDLESS: &str = r#"
    (module
        (func (export "run") (loop $again (br $again))))
    "#;

fn main() -> Result<()> {
    let engine = Engine::new(Config::new().epoch_interruption(true))?;
    let module = Module::new(&engine, ENDLESS)?;
    let done = AtomicBool::new(false);

    std::thread::scope(|scope| {
        // One thread for the whole engine, however many stores it has.
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
                engine.increment_epoch();
            }
        });
        let stopped = run(&engine, &module);
        done.store(true, Ordering::Relaxed);
        stopped
    })
}

fn run(engine: &Engine, module: &Module) -> Result<()> {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[])?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;

    // Two ticks from now it is over.
    store.set_epoch_deadline(2);
    let Err(error) = run.call(&mut store, ()) else { bail!("an endless loop has ended") };
    println!("{error:?}");
    ensure!(error.downcast_ref() == Some(&Trap::Interrupt), "something else went wrong");
    Ok(())
}

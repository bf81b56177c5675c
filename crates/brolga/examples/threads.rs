//! One engine and one module for all threads, a store for each.

use brolga::*;

const SUM: &str = r#"
    (module
        (import "host" "add" (func $add (param i32)))
        (func (export "run") (param $n i32)
            (loop $again
                (call $add (local.get $n))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
    "#;

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, SUM)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "add", |mut caller: Caller<'_, u32>, number: u32| {
        *caller.data_mut() += number;
    })?;
    // Imports are looked up once; what comes out is shared.
    let ready = linker.instantiate_pre(&module)?;

    std::thread::scope(|scope| {
        let sum = |n: u32| {
            let mut store = Store::new(&engine, 0);
            let instance = ready.instantiate(&mut store)?;
            instance.get_typed_func::<u32, ()>(&mut store, "run")?.call(&mut store, n)?;
            Ok::<u32, Error>(store.into_data())
        };
        let threads: Vec<_> = (1..=8).map(|n| (n, scope.spawn(move || sum(n)))).collect();
        for (n, thread) in threads {
            let Ok(sum) = thread.join() else { bail!("thread {n} has panicked") };
            let sum = sum?;
            println!("1 + … + {n} = {sum}");
            assert_eq!(sum, n * (n + 1) / 2);
        }
        Ok(())
    })
}

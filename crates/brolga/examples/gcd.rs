//! A function that only computes: the greatest common divisor.

use brolga::*;

const GCD: &str = r#"
    (module
        (func (export "gcd") (param $a i32) (param $b i32) (result i32)
            (local $rest i32)
            (block $done
                (loop $again
                    (br_if $done (i32.eqz (local.get $b)))
                    (local.set $rest (i32.rem_u (local.get $a) (local.get $b)))
                    (local.set $a (local.get $b))
                    (local.set $b (local.get $rest))
                    (br $again)))
            (local.get $a)))
    "#;

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, GCD)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;

    // The types are compared with the function's once, here; calls are then quick.
    let gcd = instance.get_typed_func::<(u32, u32), u32>(&mut store, "gcd")?;
    let divisor = gcd.call(&mut store, (6, 27))?;
    println!("gcd(6, 27) = {divisor}");
    assert_eq!(divisor, 3);
    Ok(())
}

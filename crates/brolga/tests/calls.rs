//! Calls in both directions: what goes in comes out, whatever the types.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use brolga::*;

/// An instance of a module in text, without imports.
fn instance<T: 'static>(store: &mut Store<T>, text: &str) -> Result<Instance> {
    let module = Module::new(store.engine(), text)?;
    Instance::new(store, &module, &[])
}

fn store() -> Store<()> {
    Store::new(&Engine::default(), ())
}

#[test]
fn factorial() -> Result<()> {
    let mut store = store();
    let instance = instance(
        &mut store,
        r#"(module (func $fac (export "fac") (param i64) (result i64)
            (if (result i64) (i64.eqz (local.get 0))
                (then (i64.const 1))
                (else (i64.mul (local.get 0)
                    (call $fac (i64.sub (local.get 0) (i64.const 1))))))))"#,
    )?;
    let fac = instance.get_typed_func::<u64, u64>(&mut store, "fac")?;
    assert_eq!(fac.call(&mut store, 20)?, 2_432_902_008_176_640_000);
    let func = instance.get_func(&mut store, "fac").unwrap();
    let mut results = [Val::I32(0)];
    func.call(&mut store, &[Val::I64(5)], &mut results)?;
    assert_eq!(results[0].unwrap_i64(), 120);
    Ok(())
}

/// Sends values through a wasm function that returns what it takes, and through a host function
/// that does, called from wasm and from the host; typed and untyped.
macro_rules! round_trip {
    ($($name:ident $wasm:literal ($($rust:ty = $value:expr),*);)*) => {$(
        #[test]
        fn $name() -> Result<()> {
            let mut store = store();
            let types = $wasm;
            let count = [$(stringify!($rust)),*].len();
            let gets: String = (0..count).map(|at| format!("(local.get {at})")).collect();
            let module = Module::new(store.engine(), format!(
                r#"(module
                    (import "" "host" (func $host (param {types}) (result {types})))
                    (func (export "own") (param {types}) (result {types}) {gets})
                    (func (export "through") (param {types}) (result {types})
                        {gets} call $host)
                    (export "host" (func $host)))"#
            ))?;
            #[allow(non_snake_case, unused_parens, reason = "a row may have one type")]
            let host = Func::wrap(&mut store, round_trip!(@closure $($rust),*));
            let instance = Instance::new(&mut store, &module, &[host.into()])?;
            for name in ["own", "through", "host"] {
                #[allow(unused_parens, reason = "a row may have one type")]
                {
                    let func = instance
                        .get_typed_func::<($($rust),*), ($($rust),*)>(&mut store, name)?;
                    let value = ($($value),*);
                    assert_eq!(func.call(&mut store, value)?, value, "{name}");
                }
                let func = instance.get_func(&mut store, name).unwrap();
                let values: Vec<Val> = vec![$($value.into()),*];
                let mut results = vec![Val::I32(0); values.len()];
                func.call(&mut store, &values, &mut results)?;
                assert_eq!(format!("{results:?}"), format!("{values:?}"), "{name}");
            }
            Ok(())
        }
    )*};
    (@closure $a:ty) => { |a: $a| a };
    (@closure $a:ty, $b:ty) => { |a: $a, b: $b| (a, b) };
    (@closure $a:ty, $b:ty, $c:ty) => { |a: $a, b: $b, c: $c| (a, b, c) };
    (@closure $a:ty, $b:ty, $c:ty, $d:ty, $e:ty, $f:ty) => {
        |a: $a, b: $b, c: $c, d: $d, e: $e, f: $f| (a, b, c, d, e, f)
    };
}

round_trip! {
    i32_alone "i32" (i32 = -7);
    i64_alone "i64" (i64 = i64::MIN);
    f32_alone "f32" (f32 = -1.5_f32);
    f64_alone "f64" (f64 = core::f64::consts::PI);
    v128_alone "v128" (V128 = V128::from(0x0123_4567_89ab_cdef_0011_2233_4455_6677_u128));
    two_integers "i32 i64" (i32 = 1, i64 = -1_i64);
    floats_and_integers "f64 i32 f32" (f64 = 1e300, i32 = i32::MIN, f32 = 1e-30_f32);
    vector_in_the_middle "i64 v128 i32" (
        i64 = 5_i64, V128 = V128::from(u128::MAX - 1), i32 = 9);
    six "i32 f32 i64 f64 v128 i32" (
        i32 = 1, f32 = 2.0_f32, i64 = 3_i64, f64 = 4.0, V128 = V128::from(5), i32 = 6);
}

#[test]
fn nan_payloads_survive() -> Result<()> {
    let mut store = store();
    let instance = instance(
        &mut store,
        r#"(module (func (export "f") (param f32 f64) (result f32 f64)
            (local.get 0) (local.get 1)))"#,
    )?;
    let func = instance.get_func(&mut store, "f").unwrap();
    let mut results = [Val::I32(0), Val::I32(0)];
    let params = [Val::F32(0x7fa0_1234), Val::F64(0x7ff4_0000_dead_beef)];
    func.call(&mut store, &params, &mut results)?;
    assert_eq!(format!("{results:?}"), format!("{params:?}"));
    Ok(())
}

#[test]
fn sixteen_of_each() -> Result<()> {
    type Sixteen = (u64, f64, u64, f64, u64, f64, u64, f64, u64, f64, u64, f64, u64, f64, u64, f64);
    let mut store = store();
    let types = "i64 f64 ".repeat(8);
    let gets: String = (0..16).map(|at| format!("(local.get {at})")).collect();
    let text = format!(r#"(module (func (export "f") (param {types}) (result {types}) {gets}))"#);
    let instance = instance(&mut store, &text)?;
    let func = instance.get_typed_func::<Sixteen, Sixteen>(&mut store, "f")?;
    let values = (1, 2., 3, 4., 5, 6., 7, 8., 9, 10., 11, 12., 13, 14., 15, 16.);
    let (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) = func.call(&mut store, values)?;
    assert_eq!([a, c, e, g, i, k, m, o], [1, 3, 5, 7, 9, 11, 13, 15]);
    assert_eq!([b, d, f, h, j, l, n, p], [2., 4., 6., 8., 10., 12., 14., 16.]);
    Ok(())
}

#[test]
fn a_thousand_parameters_and_results() -> Result<()> {
    let mut store = store();
    let types = "i32 ".repeat(1000);
    let gets: String = (0..1000).rev().map(|at| format!("(local.get {at})")).collect();
    let module = Module::new(
        store.engine(),
        format!(
            r#"(module
                (type $t (func (param {types}) (result {types})))
                (import "" "reverse" (func $host (type $t)))
                (func (export "own") (type $t) {gets})
                (func (export "through") (type $t) {gets} call $host))"#
        ),
    )?;
    let many = || (0..1000).map(|_| ValType::I32);
    let ty = FuncType::new(store.engine(), many(), many());
    let reverse = Func::new(&mut store, ty, |_, params, results| {
        results.copy_from_slice(params);
        results.reverse();
        Ok(())
    });
    let instance = Instance::new(&mut store, &module, &[reverse.into()])?;
    let params: Vec<Val> = (0..1000).map(Val::I32).collect();
    let mut results = vec![Val::I32(0); 1000];
    instance.get_func(&mut store, "own").unwrap().call(&mut store, &params, &mut results)?;
    let numbers = |values: &[Val]| values.iter().map(Val::unwrap_i32).collect::<Vec<_>>();
    assert_eq!(numbers(&results), (0..1000).rev().collect::<Vec<_>>());
    instance.get_func(&mut store, "through").unwrap().call(&mut store, &params, &mut results)?;
    assert_eq!(numbers(&results), (0..1000).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_hundred_results_of_mixed_types() -> Result<()> {
    let mut store = store();
    let kinds = ["i32", "i64", "f32", "f64", "v128"];
    let types: String = (0..100).map(|at| format!("{} ", kinds[at % 5])).collect();
    let values: String = (0..100)
        .map(|at| match kinds[at % 5] {
            "v128" => format!("(v128.const i64x2 {at} {})", at + 1),
            kind => format!("({kind}.const {at})"),
        })
        .collect();
    let text = format!(r#"(module (func (export "f") (result {types}) {values}))"#);
    let instance = instance(&mut store, &text)?;
    let mut results = vec![Val::I32(0); 100];
    instance.get_func(&mut store, "f").unwrap().call(&mut store, &[], &mut results)?;
    for (at, result) in results.iter().enumerate() {
        match *result {
            Val::I32(value) => assert_eq!(value as usize, at),
            Val::I64(value) => assert_eq!(value as usize, at),
            Val::F32(bits) => assert_eq!(f32::from_bits(bits), at as f32),
            Val::F64(bits) => assert_eq!(f64::from_bits(bits), at as f64),
            Val::V128(vector) => {
                assert_eq!(vector.as_u128(), at as u128 | ((at as u128 + 1) << 64));
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    Ok(())
}

#[test]
fn references_to_functions() -> Result<()> {
    let mut store = store();
    let module = Module::new(
        store.engine(),
        r#"(module
            (import "" "pass" (func $pass (param funcref) (result funcref)))
            (table $t 1 funcref)
            (func $seven (export "seven") (result i32) i32.const 7)
            (func (export "through") (param funcref) (result funcref)
                (call $pass (local.get 0)))
            (func (export "call") (param funcref) (result i32)
                (table.set $t (i32.const 0) (local.get 0))
                (call_indirect $t (result i32) (i32.const 0)))
            (func (export "own") (result funcref) (ref.func $seven)))"#,
    )?;
    let pass = Func::wrap(&mut store, |func: Option<Func>| func);
    let instance = Instance::new(&mut store, &module, &[pass.into()])?;
    let seven = instance.get_func(&mut store, "seven").unwrap();
    let eight = Func::wrap(&mut store, || 8);

    let through = instance.get_typed_func::<Option<Func>, Option<Func>>(&mut store, "through")?;
    for func in [None, Some(seven), Some(eight)] {
        assert_eq!(through.call(&mut store, func)?, func);
    }
    let own = instance.get_typed_func::<(), Option<Func>>(&mut store, "own")?;
    assert_eq!(own.call(&mut store, ())?, Some(seven), "a function is one function");
    let call = instance.get_typed_func::<Option<Func>, i32>(&mut store, "call")?;
    assert_eq!(call.call(&mut store, Some(seven))?, 7);
    assert_eq!(call.call(&mut store, Some(eight))?, 8);
    let error = call.call(&mut store, None).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::IndirectCallToNull));
    let wrong = Func::wrap(&mut store, || 8_i64);
    let error = call.call(&mut store, Some(wrong)).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::BadSignature));
    Ok(())
}

#[test]
fn references_to_host_objects() -> Result<()> {
    let mut store = store();
    let module = Module::new(
        store.engine(),
        r#"(module
            (import "" "pass" (func $pass (param externref) (result externref)))
            (table $t (export "t") 2 externref)
            (func (export "through") (param externref) (result externref)
                (table.set $t (i32.const 1) (local.get 0))
                (call $pass (table.get $t (i32.const 1)))))"#,
    )?;
    let pass = Func::wrap(&mut store, |object: Option<Rooted<ExternRef>>| object);
    let instance = Instance::new(&mut store, &module, &[pass.into()])?;
    let through = instance.get_typed_func::<Option<Rooted<ExternRef>>, Option<Rooted<ExternRef>>>(
        &mut store, "through",
    )?;
    assert!(through.call(&mut store, None)?.is_none());
    let object = ExternRef::new(&mut store, String::from("host"))?;
    let back = through.call(&mut store, Some(object))?.context("null")?;
    assert!(Rooted::ref_eq(&store, &object, &back)?);
    let data = back.data(&store)?.context("no data")?;
    assert_eq!(data.downcast_ref::<String>().unwrap(), "host");
    if let Some(data) = back.data_mut(&mut store)? {
        data.downcast_mut::<String>().unwrap().push('!');
    }
    let table = instance.get_table(&mut store, "t").unwrap();
    let element = table.get(&mut store, 1).unwrap();
    let element = element.unwrap_extern().unwrap();
    let data = element.data(&store)?.unwrap();
    assert_eq!(data.downcast_ref::<String>().unwrap(), "host!");
    Ok(())
}

#[test]
fn types_are_checked() -> Result<()> {
    let mut store = store();
    let instance = instance(
        &mut store,
        r#"(module (func (export "f") (param i32 funcref) (result f32) f32.const 0))"#,
    )?;
    let messages = [
        instance.get_typed_func::<(), f32>(&mut store, "f").err(),
        instance.get_typed_func::<(i64, Option<Func>), f32>(&mut store, "f").err(),
        instance.get_typed_func::<(i32, Option<Func>), ()>(&mut store, "f").err(),
        instance.get_typed_func::<(i32, Option<Func>), f64>(&mut store, "f").err(),
        instance.get_typed_func::<(i32, Option<Func>), f32>(&mut store, "g").err(),
    ];
    let messages = messages.map(|error| format!("{:#}", error.expect("a mismatch")));
    assert!(messages[0].contains("parameters: expected 0 of them, found 2"), "{}", messages[0]);
    assert!(messages[1].contains("parameter 0: expected i64, found i32"), "{}", messages[1]);
    assert!(messages[2].contains("results: expected 0 of them, found 1"), "{}", messages[2]);
    assert!(messages[3].contains("result 0: expected f64, found f32"), "{}", messages[3]);
    assert!(messages[4].contains("failed to find function export `g`"), "{}", messages[4]);

    // A non-null function may be passed where null would be allowed too.
    instance.get_typed_func::<(i32, Func), f32>(&mut store, "f")?;

    let func = instance.get_func(&mut store, "f").unwrap();
    let mut result = [Val::I32(0)];
    let error = func.call(&mut store, &[Val::I32(0)], &mut result).unwrap_err();
    assert_eq!(error.to_string(), "expected 2 arguments, got 1");
    let error = func.call(&mut store, &[Val::I32(0), Val::null_func_ref()], &mut []).unwrap_err();
    assert_eq!(error.to_string(), "expected 1 results, got 0");
    let error =
        func.call(&mut store, &[Val::I64(0), Val::null_func_ref()], &mut result).unwrap_err();
    assert!(format!("{error:#}").contains("argument 0: expected a value of type i32"), "{error:#}");
    let error =
        func.call(&mut store, &[Val::I32(0), Val::null_extern_ref()], &mut result).unwrap_err();
    assert!(format!("{error:#}").contains("argument 1"), "{error:#}");
    Ok(())
}

#[test]
fn typed_functions_are_reusable_and_shared_by_clones() -> Result<()> {
    let mut store = store();
    let instance = instance(
        &mut store,
        r#"(module (global $n (mut i32) (i32.const 0))
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (global.get $n)))"#,
    )?;
    let next = instance.get_typed_func::<(), i32>(&mut store, "next")?;
    let clone = next.clone();
    for round in 0..1000 {
        assert_eq!(next.call(&mut store, ())?, 2 * round + 1);
        assert_eq!(clone.call(&mut store, ())?, 2 * round + 2);
    }
    Ok(())
}

#[test]
fn a_store_moves_between_threads() -> Result<()> {
    let mut store = store();
    let instance = instance(
        &mut store,
        r#"(module (memory 1)
            (func (export "next") (result i32)
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                (i32.load (i32.const 0))))"#,
    )?;
    let next = instance.get_typed_func::<(), i32>(&mut store, "next")?;
    for round in 1..20 {
        let next = next.clone();
        store = std::thread::spawn(move || {
            assert_eq!(next.call(&mut store, ()).unwrap(), round);
            store
        })
        .join()
        .unwrap();
    }
    Ok(())
}

/// A function that answers with a hash of its parameters, in which every bit and the order counts.
fn hashing(types: &[&str]) -> String {
    let mut hash = String::from("(i64.const 7)");
    for (position, ty) in types.iter().enumerate() {
        let bits = match *ty {
            "i32" => "(i64.extend_i32_u (local.get N))",
            "f32" => "(i64.extend_i32_u (i32.reinterpret_f32 (local.get N)))",
            "f64" => "(i64.reinterpret_f64 (local.get N))",
            _ => "(local.get N)",
        };
        let bits = bits.replace('N', &position.to_string());
        hash = format!("(i64.add (i64.mul {hash} (i64.const 1000003)) {bits})");
    }
    let params = types.join(" ");
    let arguments: String = (0..types.len()).map(|it| format!("(local.get {it})")).collect();
    format!(
        r#"(module
            (func $hash (export "hash") (param {params}) (result i64) {hash})
            (func (export "tail") (param {params}) (result i64) (return_call $hash {arguments}))
            (func (export "trap") (param {params}) (result i64)
                (drop (call $hash {arguments})) unreachable))"#
    )
}

/// Arguments of every number and kind arrive where wasm expects them: in registers as far as they
/// fit, the others on the stack. Calls with values, which take the way through slots, tell what is
/// right.
#[test]
fn arguments_beyond_the_registers_arrive() -> Result<()> {
    fn check<P: WasmParams + Clone + Sync + 'static>(
        types: &[&str],
        typed: P,
        untyped: &[Val],
    ) -> Result<()> {
        let engine = Engine::default();
        let module = Module::new(&engine, hashing(types))?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        for name in ["hash", "tail"] {
            let func = instance.get_func(&mut store, name).context("an export")?;
            let mut expected = [Val::I64(0)];
            func.call(&mut store, untyped, &mut expected)?;
            let expected = expected[0].unwrap_i64();
            let fast = func.typed::<P, i64>(&store)?;
            assert_eq!(fast.call(&mut store, typed.clone())?, expected, "{types:?}");
            // The same from a host function, on the stack that it finds itself on.
            let (inner, arguments) = (fast.clone(), typed.clone());
            let nested = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| {
                inner.call(&mut caller, arguments.clone())
            });
            let text = r#"(module (import "" "" (func $f (result i64)))
                (func (export "f") (result i64) (call $f)))"#;
            let outer = Module::new(&engine, text)?;
            let outer = Instance::new(&mut store, &outer, &[nested.into()])?;
            let outer = outer.get_typed_func::<(), i64>(&mut store, "f")?;
            assert_eq!(outer.call(&mut store, ())?, expected, "{types:?}, nested");
        }
        let trap = instance.get_typed_func::<P, i64>(&mut store, "trap")?;
        for _ in 0..3 {
            let error = trap.call(&mut store, typed.clone()).unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
        }
        Ok(())
    }
    macro_rules! check {
        ($(($($ty:ident $value:expr),+))+) => {$(
            check(
                &[$(stringify!($ty)),+],
                ($($value as $ty,)+),
                &[$(Val::from($value as $ty)),+],
            )?;
        )+};
    }
    check! {
        (i64 -1, i64 -2, i64 -3, i64 -4, i64 -5)
        (i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7, i64 8)
        (i32 -1, i32 -2, i32 -3, i32 -4, i32 -5, i32 -6, i32 -7)
        (i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7, i64 8,
            i64 9, i64 10, i64 11, i64 12, i64 13, i64 14, i64 15)
        (i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7, i64 8,
            i64 9, i64 10, i64 11, i64 12, i64 13, i64 14, i64 15,
            i64 16)
        (f64 1, f64 2, f64 3, f64 4, f64 5, f64 6, f64 7, f64 8,
            f32 9)
        (f64 1, f64 2, f64 3, f64 4, f64 5, f64 6, f64 7, f64 8,
            f64 9, f32 10, f64 11, f32 12, f64 13, f32 14, f64 15,
            f64 16)
        (f32 1, i32 -2, f64 3, i64 4, f32 5, i32 6, f64 7, i64 -8,
            f32 9, i32 10, f64 11, i64 12, f32 13, i32 14, f64 15,
            i64 -16)
    }
    Ok(())
}

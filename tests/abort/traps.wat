;; What the program in src/main.rs calls: everything that can end a call.
(module
  (import "host" "f" (func $f (param i32) (result i32)))
  (memory 1)
  (func (export "unreachable") unreachable)
  (func (export "memory") (drop (i32.load (i32.const -1))))
  (func (export "division") (drop (i32.div_u (i32.const 1) (i32.load (i32.const 0)))))
  (func $deep (export "stack") (call $deep))
  (func (export "host") (param i32) (result i32) (call $f (local.get 0))))

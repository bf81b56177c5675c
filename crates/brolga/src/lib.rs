//! A WebAssembly compiling runtime to embed: Engine, Module, Store, Linker, Instance, Func.

//! Whole programs, each about one thing: `cargo run --example NAME` runs one.
//!
//! Read [`hello`] first; the others can be read in any order.
//!
//! They are the files of `examples/`, and run as tests of the documentation.

macro_rules! examples {
    ($($name:ident)*) => {$(
        #[doc = concat!(
            "`cargo run --example ", stringify!($name), "`\n\n```\n",
            include_str!(concat!("../examples/", stringify!($name), ".rs")),
            "```",
        )]
        pub mod $name {}
    )*};
}

examples! {
    hello gcd memory multi_value linking host_state externref
    fuel epochs limits serialize threads
}

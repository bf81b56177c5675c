//! JSON, as far as pages and profiles need it.
//!
//! **Invariants**
//! - What is written can stand inside a `script` element: there is no `<` in it.

/// A value.
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(u64),
    /// A finite number.
    Fraction(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn object(fields: impl Into<Vec<(&'static str, Json)>>) -> Self {
        Self::Object(fields.into())
    }

    /// Writes the value to the end of `into`.
    pub(crate) fn write(&self, into: &mut String) {
        match self {
            Self::Null => into.push_str("null"),
            Self::Bool(value) => into.push_str(if *value { "true" } else { "false" }),
            Self::Fraction(number) => into.push_str(&number.to_string()),
            Self::Number(number) => into.push_str(&number.to_string()),
            Self::Text(text) => write_text(text, into),
            Self::Array(values) => {
                into.push('[');
                for (position, value) in values.iter().enumerate() {
                    separate(position, into);
                    value.write(into);
                }
                into.push(']');
            }
            Self::Object(fields) => {
                into.push('{');
                for (position, (name, value)) in fields.iter().enumerate() {
                    separate(position, into);
                    write_text(name, into);
                    into.push(':');
                    value.write(into);
                }
                into.push('}');
            }
        }
    }
}

fn separate(position: usize, into: &mut String) {
    if position > 0 {
        into.push(',');
    }
}

fn write_text(text: &str, into: &mut String) {
    into.push('"');
    for c in text.chars() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            c if c < ' ' || c == '<' || c == '\u{2028}' || c == '\u{2029}' => {
                into.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => into.push(c),
        }
    }
    into.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: Json) -> String {
        let mut text = String::new();
        value.write(&mut text);
        text
    }

    #[test]
    fn values_are_written_without_spaces() {
        let values = [Json::Null, Json::Number(7), Json::text("a"), Json::Bool(true)];
        let row = Json::Array(values.into_iter().chain([Json::Fraction(1.5)]).collect());
        let value = Json::object([("rows", row), ("none", Json::Array(Vec::new()))]);
        assert_eq!(written(value), r#"{"rows":[null,7,"a",true,1.5],"none":[]}"#);
    }

    #[test]
    fn text_can_not_leave_the_element_it_stands_in() {
        let hostile = "</script><script>\"\\\n\u{2028}";
        let expected = r#""\u003c/script>\u003cscript>\"\\\u000a\u2028""#;
        assert_eq!(written(Json::text(hostile)), expected);
    }
}

//! JSON objects for reports that are written but never parsed.

/// Creates a value that serde writes as an object with these members, in this order: `object! { name: value, … }`.
/// Members can have attributes of serde. A member `name: @optional option` is omitted if it is `None`.
macro_rules! object {
    (type $name:ident) => { $name };
    (type optional $name:ident) => { Option<$name> };
    ($($(#[$attribute:meta])* $name:ident: $(@$optional:ident)? $value:expr),* $(,)?) => {{
        // Each member has its own type parameter, with the name of the member.
        #[expect(non_camel_case_types, reason = "members have names in lower case")]
        let object = {
            #[derive(serde::Serialize)]
            struct Object<$($name: serde::Serialize),*> {
                $(
                    $(#[$attribute])*
                    $(#[serde(skip_serializing_if = "Option::is_none")] #[doc = stringify!($optional)])?
                    $name: $crate::model::object!(type $($optional)? $name)
                ),*
            }
            Object { $($name: $value),* }
        };
        object
    }};
}

pub(crate) use object;

#[cfg(test)]
mod tests {
    #[test]
    fn members_are_written_in_order_and_missing_ones_are_left_out() {
        let inner = object! { b: [1, 2], a: "x" };
        let object = object! {
            z: Some(true),
            #[serde(flatten)]
            inner: inner,
            c: @optional Some(1.5),
            d: @optional None::<u8>,
            #[serde(rename = "for")]
            e: None::<u8>,
        };
        assert_eq!(serde_json::to_string(&object).unwrap(), r#"{"z":true,"b":[1,2],"a":"x","c":1.5,"for":null}"#);
    }
}

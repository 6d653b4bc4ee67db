//! A method's settings, declared once: type, default value, and what each of them is, which the method's README shows.

/// What one setting is and where its default comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingDoc {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its doc comment.
    pub about: &'static str,
}

/// A configuration that says what its settings are. [`settings!`](crate::settings) implements it.
pub trait Described {
    /// One entry a field, in order.
    const SETTINGS: &'static [SettingDoc];
}

/// Declares a method's configuration: a struct that serde reads and writes, its `Default`, and [`Described`] from the fields' doc comments.
///
/// ```
/// adapt::settings! {
///     /// Settings of a method that rescales something.
///     pub struct Rescale {
///         /// Peak learning rate; Author et al. 2024 use 3e-3.
///         learning_rate: f64 = 5e-3,
///         /// Rescaled blocks, counted from the last one.
///         blocks: usize = 2,
///     }
/// }
/// assert_eq!(Rescale::default().blocks, 2);
/// assert_eq!(<Rescale as adapt::Described>::SETTINGS[1].name, "blocks");
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, )*
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::Described for $name {
            const SETTINGS: &'static [$crate::SettingDoc] = &[
                $( $crate::SettingDoc { name: stringify!($field), about: concat!($($doc),+) }, )*
            ];
        }
    };
}

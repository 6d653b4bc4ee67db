//! A method's settings, declared once: type, default value, the numbers that it takes, and what each of them is, which the method's README shows.

use crate::Range;

/// What one setting is and where its default comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SettingDoc {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its doc comment.
    pub about: &'static str,
    /// The numbers that it takes; `None` where it is no number, or where its type says all.
    pub range: Option<Range>,
}

impl SettingDoc {
    /// A number that is declared apart from its field, where a configuration is not written with [`settings!`](crate::settings).
    pub const fn number(name: &'static str, range: Range) -> Self {
        Self {
            name,
            about: "",
            range: Some(range),
        }
    }
}

/// A configuration that says what its settings are. [`settings!`](crate::settings) implements it.
pub trait Described {
    /// One entry a field, in order; where they are documented by hand, one entry a number.
    const SETTINGS: &'static [SettingDoc];
}

/// Checks every number among `settings` against its declared range.
///
/// # Errors
/// The first that lies outside: its name, its value, and the range.
pub(crate) fn check_ranges(
    described: &[SettingDoc],
    settings: &serde_json::Map<String, serde_json::Value>,
) -> Result<(), String> {
    described.iter().try_for_each(
        |setting| match (setting.range, settings.get(setting.name)) {
            (Some(range), Some(value)) => range.check(setting.name, value),
            _ => Ok(()),
        },
    )
}

/// Declares a method's configuration: a struct that serde reads and writes, its `Default`, and [`Described`] from the fields' doc comments. A number
/// says behind `=>` which values it takes; [`parse_config`](crate::parse_config) refuses others.
///
/// ```
/// adapt::settings! {
///     /// Settings of a method that rescales something.
///     pub struct Rescale {
///         /// Peak learning rate; Author et al. 2024 use 3e-3.
///         learning_rate: f64 = 5e-3 => adapt::Range::LEARNING_RATE,
///         /// Rescaled blocks, counted from the last one.
///         blocks: usize = 2 => adapt::Range::whole(0, 1000),
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
            $( $(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr $(=> $range:expr)?, )*
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
                $( $crate::SettingDoc {
                    name: stringify!($field),
                    about: concat!($($doc),+),
                    range: [$(Some($range) as Option<$crate::Range>,)? None][0],
                }, )*
            ];
        }
    };
}

//! Records to statistics, CSV, charts and one self-contained page. No burn.

//! The pages of a flat column on their way to the decoder.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};

use super::thrift::Compact;

/// Pages of a flat column, each looked at before its values are decoded: lengths and prefixes in delta encoding come with a count of their
/// own, for which the decoder takes memory.
pub(super) struct CheckedPages {
    pub(super) pages: Box<dyn PageReader>,
    /// Whether values may be missing, so that a page begins with levels.
    pub(super) has_levels: bool,
    /// Whether the column may hold values that begin as the one before: each of a few bytes can be long, so they are read one by one.
    pub(super) has_prefixes: bool,
}

impl CheckedPages {
    fn check(&self, page: &Page) -> ParquetResult<()> {
        let (buffer, from, encoding) = match page {
            Page::DictionaryPage { .. } => return Ok(()),
            Page::DataPage { buf, encoding, .. } if self.has_levels => {
                let length = buf
                    .first_chunk::<4>()
                    .map_or(0, |length| u32::from_le_bytes(*length));
                (buf, 4 + length as usize, encoding)
            }
            Page::DataPage { buf, encoding, .. } => (buf, 0, encoding),
            Page::DataPageV2 {
                buf,
                encoding,
                def_levels_byte_len: levels,
                ..
            } => (buf, *levels as usize, encoding),
        };
        let lists = match encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
            Encoding::DELTA_BYTE_ARRAY if self.has_prefixes => 2,
            Encoding::DELTA_BYTE_ARRAY => {
                let problem = "an encoding that its column does not name".to_owned();
                return Err(ParquetError::General(problem));
            }
            _ => return Ok(()),
        };
        deltas_fit(buffer, from, lists, u64::from(page.num_values()))
            .ok_or_else(|| ParquetError::General("a page with more lengths than values".to_owned()))
    }
}

/// Whether each of the `lists` of numbers in delta encoding that follow each other from `from` on has at most `most` numbers.
pub(super) fn deltas_fit(bytes: &Bytes, mut from: usize, lists: usize, most: u64) -> Option<()> {
    for _ in 0..lists {
        let mut at = Compact::new(bytes.get(from..)?);
        let block = at.varint()?;
        let parts = at.varint()?;
        let mut left = at.varint()?;
        at.signed()?; // the first number
        if left > most || parts == 0 || block == 0 || block > 1 << 20 || parts > block {
            return None;
        }
        left = left.saturating_sub(1);
        from += at.at;
        while left > 0 {
            let mut at = Compact::new(bytes.get(from..)?);
            at.signed()?; // the smallest difference
            let widths = bytes.get(from + at.at..)?.get(..parts as usize)?;
            from += at.at + widths.len();
            for width in widths {
                if left > 0 {
                    from += usize::from(*width) * (block / parts) as usize / 8;
                    left = left.saturating_sub(block / parts);
                }
            }
            if from > bytes.len() {
                return None;
            }
        }
    }
    Some(())
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            self.check(page)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.pages.skip_next_page()
    }
}

impl Iterator for CheckedPages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

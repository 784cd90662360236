"""How bytes become records: columns, formats, and what a download must come to."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from tap_asyncreport.config.patterns import column_format
from tap_asyncreport.config.requesters import Extractor
from tap_asyncreport.config.values import ByteSize, Model, Renders, kind_of

ColumnType = Literal["string", "integer", "number", "decimal", "boolean", "date", "date-time", "object", "array"]


class Column(Model):
    """One column: its type, and how its text is read."""

    shorthand: ClassVar[str | None] = "type"

    type: ColumnType = Field(description="Type of the values.", examples=["integer"])
    null_values: list[str] | None = Field(
        None, description="Texts that are null; default `decode.null_values`.", examples=[["", "--"]]
    )
    format: Annotated[str, AfterValidator(column_format)] | None = Field(
        None, description="strptime pattern of dates and date-times, or `epoch`, `epoch_ms`.", examples=["%d/%m/%Y"]
    )
    decimal_mark: str = Field(
        ".", min_length=1, max_length=1, description="Mark between the whole and the fraction.", examples=[","]
    )
    thousands: str | None = Field(
        None, min_length=1, max_length=1, description="Mark between thousands.", examples=["."]
    )
    percent: bool = Field(False, description="A trailing % sign is dropped.", examples=[True])
    source: Annotated[str, Renders.PATH] | None = Field(
        None,
        description="The column's name in the file, or a JSONPath into the record.",
        examples=["Campaign Name", "$.actions[0].value"],
    )


class Header(Model):
    """The header is the first row that holds all these columns."""

    match: list[str] = Field([], description="Column names; none: the first row.", examples=[["Date", "Clicks"]])
    skip_after: int = Field(0, ge=0, description="Extra header rows after it, which hold no data.", examples=[2])


class Explode(Model):
    """A row per object of the list at `path`, or per position of the lists there."""

    path: Annotated[str, Renders.PATH] = Field(description="JSONPath into the record.", examples=["$.timeseries"])
    index: str | None = Field(None, description="Field that gets the position.", examples=["i"])


HeaderAt = Annotated[
    Annotated[Literal["first", "none"], Tag("text")] | Annotated[Header, Tag("mapping")], Discriminator(kind_of)
]
Names = Annotated[Annotated[Extractor, Tag("text")] | Annotated[list[str], Tag("list")], Discriminator(kind_of)]


class Decode(Model):
    """How bytes become records."""

    format: Literal["auto", "csv", "tsv", "json", "jsonl", "xml", "xlsx", "parquet"] = Field(
        "auto",
        description="Format of the file; auto: from the bytes, then Content-Type, then the name.",
        examples=["csv"],
    )
    compression: Literal["auto", "none", "gzip", "zip"] = Field(
        "auto", description="Compression; auto: from the bytes.", examples=["gzip"]
    )
    members: str | None = Field(None, description="Pattern of zip members, read in order of name.", examples=["*.csv"])
    encoding: str | None = Field(
        None, description="Encoding of text; default BOM, then charset, then UTF-8.", examples=["cp1252"]
    )
    records: Annotated[str, Renders.PATH] | None = Field(
        None, description="JSONPath to the records, element path (XML), sheet (XLSX).", examples=["$.data[*]"]
    )
    fields: Names | None = Field(
        None, description="Column names where rows are positional.", examples=[["date", "clicks"]]
    )
    explode: Explode | None = Field(None, description="Nested or columnar data to rows.", examples=[{"path": "$.days"}])
    delimiter: str | None = Field(None, min_length=1, description="Field separator, of one character or several.", examples=[";"])
    quote_char: str | None = Field('"', max_length=1, description="Quote; null turns quoting off.", examples=["'"])
    escape_char: str | None = Field(None, max_length=1, description="Escape.", examples=["\\"])
    header: HeaderAt = Field("first", description="Where the column names stand.", examples=[{"match": ["Date"]}])
    skip_after: int = Field(
        0, ge=0, description="`header.skip_after`, where `header` is a word: extra rows after the header.", examples=[2]
    )
    skip_rows_where: dict[str, str] = Field(
        {}, description="Rows left out: column to regular expression.", examples=[{"Date": "^Total"}]
    )
    stop_at: str | None = Field(
        None, description="Regular expression of the line where data ends.", examples=["^Grand Total:"]
    )
    short_rows: Literal["error", "null"] = Field("error", description="Rows with too few fields.", examples=["null"])
    long_rows: Literal["error", "drop"] = Field("error", description="Rows with too many fields.", examples=["drop"])
    duplicate_headers: Literal["error", "suffix"] = Field(
        "error", description="Column names that repeat.", examples=["suffix"]
    )
    null_values: list[str] | None = Field(
        None,
        description='Texts that are null; default `[""]` for non-strings, none for strings.',
        examples=[["", "--"]],
    )
    empty_body: Literal["error", "ok"] = Field("error", description="What zero bytes mean.", examples=["ok"])
    empty_markers: list[str] = Field([], description="Whole-body texts that mean no rows.", examples=[["No data"]])
    nul: Literal["strip", "error", "keep"] = Field("strip", description="NUL characters in text.", examples=["error"])
    max_field_bytes: ByteSize = Field(16 * 1024 * 1024, description="Longest field.", examples=["16 MiB"])
    non_finite: Literal["null", "error"] = Field(
        "null", description="NaN, Infinity and numbers no double can hold.", examples=["error"]
    )

    @model_validator(mode="before")
    @classmethod
    def _null_words(cls, value: object) -> object:
        if isinstance(value, dict):  # YAML's null is the word, where the contract says so
            words = {key: "null" for key in ("short_rows", "non_finite") if key in value and value[key] is None}
            return {**value, **words}
        return value

    @model_validator(mode="after")
    def _one_skip(self) -> Decode:
        if isinstance(self.header, Header) and self.skip_after and self.header.skip_after not in (0, self.skip_after):
            raise ValueError("`skip_after` stands twice, with different numbers; keep the one within `header`")
        return self

    @property
    def extra_header_rows(self) -> int:
        """How many rows after the header are no data."""
        return (self.header.skip_after if isinstance(self.header, Header) else 0) or self.skip_after


class Expect(Model):
    """What the download must come to."""

    rows: Extractor | None = Field(None, description="How many rows.", examples=["$.numberOfRecords"])
    bytes: Extractor | None = Field(None, description="How many bytes.", examples=["$.fileSize"])
    md5: Extractor | None = Field(
        None, description="MD5, hex or base64.", examples=["{{ response.headers['content-md5'] }}"]
    )
    sha256: Extractor | None = Field(
        None, description="SHA-256, hex or base64, perhaps after `sha256:`.", examples=["$.fileChecksum"]
    )

using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>What requests for many keys, for buckets and for watches say.</summary>
internal static partial class Parameters
{
    public static Parameter Prefix { get; } = new(
        "prefix", Query, "prefix", Grammar.Text(maxLength: KeyPath.MaxKeyBytes), "docs/",
        $"What keys begin with: at most {KeyPath.MaxKeyBytes} bytes, the first ones of UTF-8.");

    public static Parameter Start { get; } = new(
        "start", Query, "start", Grammar.Text(maxLength: KeyPath.MaxKeyBytes), "docs/a",
        "The first key, in byte order.");

    public static Parameter End { get; } = new(
        "end", Query, "end", Grammar.Text(maxLength: KeyPath.MaxKeyBytes), "docs/z",
        "The key before which the range ends, in byte order.");

    public static Parameter Delimiter { get; } = new(
        "delimiter", Query, "delimiter", Grammar.Text(maxLength: KeyPath.MaxKeyBytes), "/",
        "Keys that have it behind the prefix are not told apart: of them `prefixes` has what stands before it, with "
            + "it, each once.");

    public static Parameter Order { get; } = new(
        "order", Query, "order", Grammar.Words("asc", "desc"), "asc", "The order of bytes, or the reverse.");

    public static Parameter Limit { get; } = new(
        "limit", Query, "limit", Grammar.Number(1, 1000, 100), "100",
        "The most keys and prefixes of a page. A page ends sooner at 4 MiB. A stream goes on to the end unless given.");

    public static Parameter ListCursor { get; } = new(
        "list-cursor", Query, "cursor", Grammar.Text(), "",
        "Where to go on: the `cursor` of the page before, all other parameters but `limit` and `timeout` as they "
            + "were. Good for ten minutes from the first page, on the last page for one more.");

    public static Parameter Values { get; } = new(
        "values", Query, "values", Grammar.Words("none", "meta", "full"), "meta",
        "What is told of each key: `none` (unless given) its tag and size; `meta` also version, type and times; "
            + "`full` also the value.");

    public static Parameter Count { get; } = new(
        "count", Query, "count", Grammar.Flag, "true", "Whether all keys of all pages are counted.");

    public static Parameter ListConsistencyHeader { get; } = new(
        "Kv-Consistency-List", InHeader, KvHeaders.Consistency, Grammar.Words(Levels), "strong",
        "Any of the words; a list is `strong` all the same.");

    public static Parameter ListConsistencyQuery { get; } = new(
        "list-consistency", Query, "consistency", Grammar.Words(Levels), "strong",
        "Any of the words; a list is `strong` all the same.");

    public static Parameter ListAccept { get; } = new(
        "Accept-List", InHeader, "Accept", Grammar.Text(), KvMediaTypes.Lines,
        "`application/x-ndjson` streams one line for each key, without pages. A stream that ends without its last "
            + "line is not whole.");

    public static Parameter QueryKey { get; } = new(
        "query-key", Query, "key", Grammar.Text(maxLength: KeyPath.MaxKeyBytes, minLength: 1), "a//b",
        "Names one key, with any character that keys can have (a plus is a plus): the request, of whatever method, is "
            + "then the same as on that key's own path.");

    public static Parameter QueryKey64 { get; } = new(
        "query-key64", Query, "key64", Grammar.Text("^[A-Za-z0-9_-]+$"), "YS8vYg",
        "The same in base64url without padding. Not beside `key`.");

    public static Parameter DryRun { get; } = new(
        "dry_run", Query, "dry_run", Grammar.Flag, "true", "Counts the keys and removes none. Not beside `confirm`.");

    public static Parameter Confirm { get; } = new(
        "confirm", Query, "confirm", Grammar.Number(), "12",
        "Removes the keys, if there are as many as this: the count that a dry run gave.");

    public static Parameter RemovalAck { get; } = new(
        "Kv-Ack-Removal", InHeader, KvHeaders.Ack, Grammar.Words("quorum"), "quorum",
        "A removal is always flushed by a majority.");

    public static Parameter StopOnError { get; } = new(
        "stop_on_error", Query, "stop_on_error", Grammar.Flag, "true",
        "Operations are done in order, and end with the first that fails: the rest is answered 424 `not-attempted`.");

    public static Parameter BucketLimit { get; } = new(
        "bucket-limit", Query, "limit", Grammar.Number(1, 1000, 100), "100", "The most buckets of a page.");

    public static Parameter BucketCursor { get; } = new(
        "bucket-cursor", Query, "cursor", Grammar.Text("^[a-z0-9][a-z0-9._-]*$", BucketName.MaxLength, 1), "default",
        "Where to go on: the `cursor` of the page before.");

    public static Parameter Since { get; } = new(
        "since", Query, "since", Grammar.Text(), "now",
        "Where to begin: `now` (unless given), a cursor of an earlier event or answer, or the `snapshot` of a list, so "
            + "that nothing is missed between the list and the watch.");

    public static Parameter LastEventId { get; } = new(
        "Last-Event-ID", InHeader, "Last-Event-ID", Grammar.Text(), "",
        "The `id` of the last event that was read, as browsers send it when they come again. It goes before `since`.");

    public static Parameter WatchValues { get; } = new(
        "watch-values", Query, "values", Grammar.Words("none", "full"), "full",
        "Whether puts come with their values; not unless given.");

    public static Parameter Kinds { get; } = new(
        "kinds", Query, "kinds", Grammar.Text("^(put|delete|expire)(,(put|delete|expire))*$"), "put,delete",
        "Which changes: some of `put`, `delete` and `expire`, with commas between; all unless given.");

    public static Parameter Heartbeat { get; } = new(
        "heartbeat", Query, "heartbeat", Grammar.Span, "15s",
        "The longest silence of a stream: 1 s to 60 s, 15 s unless given.");

    public static Parameter WatchAccept { get; } = new(
        "Accept-Watch", InHeader, "Accept", Grammar.Text(), "text/event-stream",
        "`text/event-stream` (unless given) a stream; `application/json` one answer.");

    public static Parameter WatchWait { get; } = new(
        "Prefer-Watch", InHeader, KvHeaders.Prefer, Grammar.Text(), "wait=30",
        "Of one answer: how many seconds, at most 60, to wait for a change when there is none.");

    public static Parameter ExportCursor { get; } = new(
        "export-cursor", Query, "cursor", Grammar.Text(), "",
        "Where to go on: the last `cursor` that came, all other parameters but `timeout` as they were. Good until "
            + "nobody read on for ten minutes, behind the last page for one.");

    public static Parameter Mode { get; } = new(
        "mode", Query, "mode", Grammar.Words("overwrite", "create"), "create",
        "`overwrite` (unless given) stores every entry; `create` leaves alone keys that are there.");

    public static Parameter FirstLine { get; } = new(
        "first_line", Query, "first_line", Grammar.Number(1), "1001",
        "The number of the first line, for whoever sends the rest of a file: lines are counted from it.");

    public static Parameter OperationId { get; } = new(
        "operation-id", Path, "id", Grammar.Text("^.+\\.[0-9a-f]{16}$"), "node2.00000000c0ffee00",
        "The `id` of the operation.");

    public static Parameter Code { get; } = new(
        "code", Path, "code", Grammar.Text("^[a-z-]+$"), "precondition-failed", "The `code` of a problem.");

    public static Parameter DocumentTag { get; } = new(
        "If-None-Match-Document", InHeader, "If-None-Match", Grammar.Text(), "\"0\"",
        "The `ETag` of an earlier answer: 304 if the document is the same.");

    public static ImmutableArray<Parameter> OfList =>
    [
        Prefix, Start, End, Delimiter, Order, Limit, ListCursor, Values, Count, QueryKey, QueryKey64,
        ListConsistencyHeader, ListConsistencyQuery, Timeout, TimeoutQuery, ListAccept,
    ];

    public static ImmutableArray<Parameter> OfRemoval =>
    [
        Prefix, Start, End, DryRun, Confirm, QueryKey, QueryKey64, RemovalAck, Timeout, TimeoutQuery, UnrememberedKey,
    ];

    public static ImmutableArray<Parameter> OfMany =>
        [Bucket, Timeout, TimeoutQuery, IdempotencyKey, HopRequestId, Session];

    public static ImmutableArray<Parameter> OfBucketChange =>
        [Bucket, IfMatch, IfNoneMatchWrite, IdempotencyKey, HopRequestId, Timeout, TimeoutQuery];
}

using System.Text;
using CsCheck;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Core.State;

public sealed class KeyValueStateTests
{
    private readonly KeyValueState _state = new(StateImage.Empty);
    private long _index;

    [Fact]
    public void A_put_creates_and_then_replaces_under_its_own_position()
    {
        Assert.Equal(Is(WriteStatus.Created, 1), Apply(Put("k", "one", timeMs: 5)));
        Assert.Equal(Is(WriteStatus.Replaced, 2), Apply(Put("k", "two", timeMs: 6, type: "text/html")));

        var entry = Find("k")!;
        Assert.Equal("two", Encoding.UTF8.GetString(entry.Value.Span));
        Assert.Equal(("text/html", Version(2), 6L), (entry.ContentType, entry.Version, entry.ModifiedMs));
        Assert.Equal((1L, 4L), (_state.Image.Count, _state.Image.Bytes));
    }

    [Fact]
    public void A_delete_of_what_is_not_there_changes_nothing()
    {
        Apply(Put("k", "one"));
        var before = _state.Image.Trees;

        Assert.Equal(new WriteResult(WriteStatus.NotFound, KeyVersion.None, IsReplay: false), Apply(Delete("other")));
        Assert.Same(before, _state.Image.Trees);
    }

    [Fact]
    public void If_match_holds_for_the_current_version_alone_and_when_applied()
    {
        Apply(Put("k", "one"));
        var condition = IfMatch(Version(1));

        Assert.Equal(Is(WriteStatus.Replaced, 2), Apply(Put("k", "two", condition: condition)));
        Assert.Equal(Is(WriteStatus.VersionMismatch, 2), Apply(Put("k", "three", condition: condition)));
        Assert.Equal(Is(WriteStatus.VersionMismatch, 2), Apply(Delete("k", condition: condition)));
        Assert.Equal(Is(WriteStatus.Replaced, 5), Apply(Put("k", "four", condition: IfMatch(Version(1), Version(2)))));
        Assert.Equal("four", Encoding.UTF8.GetString(Find("k")!.Value.Span));
    }

    [Fact]
    public void The_same_index_in_another_term_is_another_version()
    {
        Apply(Put("k", "one"));
        Assert.Equal(WriteStatus.VersionMismatch,
            Apply(Put("k", "x", condition: IfMatch(new KeyVersion(new Term(2), new LogIndex(1))))).Status);
    }

    [Fact]
    public void Exists_and_absent_ask_whether_the_key_is_there()
    {
        Condition exists = new Condition.Exists();
        Condition absent = new Condition.Absent();
        var none = new WriteResult(WriteStatus.VersionMismatch, KeyVersion.None, IsReplay: false);

        Assert.Equal(none, Apply(Put("k", "v", condition: exists)));
        Assert.Equal(none, Apply(Delete("k", condition: exists)));
        Assert.Equal(none, Apply(Put("k", "v", condition: IfMatch(Version(1)))));
        Assert.Equal(Is(WriteStatus.Created, 4), Apply(Put("k", "v", condition: absent)));
        Assert.Equal(Is(WriteStatus.VersionMismatch, 4), Apply(Put("k", "v", condition: absent)));
        Assert.Equal(Is(WriteStatus.Deleted, 6), Apply(Delete("k", condition: exists)));
        Assert.Equal(Is(WriteStatus.Created, 7), Apply(Put("k", "v", condition: absent)));
    }

    [Fact]
    public void Deleting_and_creating_again_never_gives_a_version_twice()
    {
        HashSet<KeyVersion> given = [];
        for (var round = 0; round < 50; round++)
        {
            Assert.True(given.Add(Apply(Put("k", "same")).Version));
            Assert.True(given.Add(Apply(Delete("k")).Version));
        }

        Assert.Equal(WriteStatus.VersionMismatch, Apply(Put("k", "x", condition: IfMatch([.. given.Take(16)]))).Status);
    }

    [Fact]
    public void Time_comes_with_commands_and_only_moves_forward()
    {
        Apply(Put("a", "", timeMs: 1_000_000));
        Apply(Put("b", "", timeMs: 400));

        Assert.Equal(1_000_000, _state.Image.TimeMs);
        Assert.Equal(1_000_000, Find("b")!.ModifiedMs);
        Apply(Delete("nothing", timeMs: 1_000_001));
        Assert.Equal(1_000_001, _state.Image.TimeMs);
    }

    [Fact]
    public void A_refused_command_still_moves_time()
    {
        Apply(Put("a", "", timeMs: 10, condition: new Condition.Exists(), id: ClientId(1)));
        Apply(Put("a", "", timeMs: 20, condition: new Condition.Exists(), id: ClientId(1)));
        Assert.Equal(20, _state.Image.TimeMs);
    }

    /// <summary>A log that holds what no replica proposed is damaged, and the state must not guess.</summary>
    [Fact]
    public void What_is_no_command_changes_nothing_and_is_refused()
    {
        Apply(Put("k", "v"));
        var before = _state.Image;
        Assert.Throws<InvalidDataException>(() => _state.Apply(new LogIndex(2), new Term(1), new byte[] { 0, 1, 2 }));
        Assert.Same(before, _state.Image);
    }

    [Fact]
    public void An_image_taken_earlier_does_not_change()
    {
        Apply(Put("k", "one"));
        var image = _state.Image;
        var hash = image.Hash();
        Apply(Put("k", "two", id: ClientId(1)));
        Apply(Delete("k"));

        Assert.Equal("one", Encoding.UTF8.GetString(image.Find("k"u8)!.Value.Span));
        Assert.Equal(hash, image.Hash());
    }

    /// <summary>A state, and a naive twin of it: dictionaries, no windows.</summary>
    [Fact]
    public void Commands_come_to_what_they_come_to_in_a_dictionary() => Any.Array[0, 300].Sample(commands =>
    {
        KeyValueState state = new(StateImage.Empty);
        Dictionary<byte, KeyVersion> twin = [];
        Dictionary<RequestId, (ulong Print, WriteResult Result)> answered = [];
        for (var at = 0; at < commands.Length; at++)
        {
            var (command, version) = (commands[at], Version(at + 1));
            var payload = CommandFormat.Encode(command);
            var result = state.Apply(new LogIndex(at + 1), new Term(1), payload);
            Assert.Equal(
                Expected(twin, answered, command, version, CommandFormat.Fingerprint(payload)),
                result with { Entry = null });
        }

        Assert.Equal(twin.OrderBy(pair => pair.Key).Select(pair => (pair.Key, pair.Value)),
            state.Image.From(default).Select(pair => (pair.Key.Span[0], pair.Value.Version)));
        Assert.Equal(
            state.Image.From(default).Sum(pair => (long)pair.Key.Length + pair.Value.Value.Length), state.Image.Bytes);
    }, iter: 300);

    [Fact]
    public void The_same_commands_leave_the_same_bytes_wherever_a_state_was_restarted() =>
        Gen.Select(Any.Array[0, 200], Gen.Int[0, 200]).Sample((commands, restart) =>
        {
            KeyValueState first = new(StateImage.Empty);
            KeyValueState second = new(StateImage.Empty);
            for (var at = 0; at < commands.Length; at++)
            {
                if (at == restart)
                    second = new KeyValueState(StateImage.Decode(second.Image.Encode()));
                var payload = CommandFormat.Encode(commands[at]);
                first.Apply(new LogIndex(at + 1), new Term(1), payload);
                second.Apply(new LogIndex(at + 1), new Term(1), payload.ToArray());
            }

            Assert.Equal(first.Image.Encode().Select(block => Convert.ToHexString(block.Span)),
                second.Image.Encode().Select(block => Convert.ToHexString(block.Span)));
        }, iter: 200);

    private static WriteResult Expected(
        Dictionary<byte, KeyVersion> twin,
        Dictionary<RequestId, (ulong Print, WriteResult Result)> answered,
        Command.Change command,
        KeyVersion version,
        ulong print)
    {
        if (command.RequestId is { } known && answered.TryGetValue(known, out var first))
        {
            return first.Print == print
                ? first.Result with { IsReplay = true }
                : new WriteResult(WriteStatus.RequestIdReused, KeyVersion.None, IsReplay: false);
        }

        var key = command.Operation.Key.Span[0];
        KeyVersion? current = twin.TryGetValue(key, out var found) ? found : null;
        var isMet = command.Operation.Condition switch
        {
            Condition.Exists => current is not null,
            Condition.Absent => current is null,
            Condition.VersionIn list => current is not null && list.Versions.Contains(current.Value),
            _ => true,
        };
        var status = !isMet ? WriteStatus.VersionMismatch
            : command.Operation is Operation.Put ? current is null ? WriteStatus.Created : WriteStatus.Replaced
            : current is null ? WriteStatus.NotFound : WriteStatus.Deleted;
        if (status is WriteStatus.Created or WriteStatus.Replaced)
            twin[key] = version;
        if (status is WriteStatus.Deleted)
            twin.Remove(key);
        var written = status is WriteStatus.VersionMismatch ? current ?? KeyVersion.None
            : status is WriteStatus.NotFound ? KeyVersion.None
            : version;
        var result = new WriteResult(status, written, IsReplay: false);
        if (command.RequestId is { } id)
            answered[id] = (print, result);
        return result;
    }

    private static KeyVersion Version(long index) => new(new Term(1), new LogIndex(index));

    private static WriteResult Is(WriteStatus status, long index) => new(status, Version(index), IsReplay: false);

    private StoredEntry? Find(string key) => _state.Image.Find(Encoding.UTF8.GetBytes(key));

    private WriteResult Apply(Command command) =>
        _state.Apply(new LogIndex(++_index), new Term(1), CommandFormat.Encode(command)) with { Entry = null };
}

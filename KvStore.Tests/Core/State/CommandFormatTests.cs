using CsCheck;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Core.State;

public sealed class CommandFormatTests
{
    private static readonly Condition Versions =
        IfMatch(new KeyVersion(new Term(1), new LogIndex(2)), new KeyVersion(new Term(3), new LogIndex(4)));

    [Fact]
    public void A_command_comes_back_as_it_was() =>
        Any.Sample(command => AssertEqual(command, CommandFormat.Decode(CommandFormat.Encode(command))), iter: 2000);

    [Fact]
    public void The_longest_of_everything_comes_back()
    {
        var longest = Of(
            new Operation.Put
            {
                Key = new byte[CommandFormat.MaxKeyBytes],
                Value = new byte[16 * 1024 * 1024],
                ContentType = new string('x', 255),
                Metadata = new byte[CommandFormat.MaxMetadataBytes],
                Ttl = Ttl.After(Ttl.LongestMs),
                Condition = IfMatch([.. Enumerable.Repeat(
                    new KeyVersion(new Term(long.MaxValue), new LogIndex(long.MaxValue)), CommandFormat.MaxVersions)]),
            },
            long.MaxValue,
            new RequestId(ulong.MaxValue, ulong.MaxValue, RequestIdKind.Timed),
            new BucketId(uint.MaxValue));
        AssertEqual(longest, CommandFormat.Decode(CommandFormat.Encode(longest)));
    }

    [Fact]
    public void Every_way_to_say_how_long_comes_back()
    {
        Ttl[] all =
        [
            Ttl.None, Ttl.Keep, Ttl.After(1), Ttl.KeepOr(Ttl.LongestMs), Ttl.Until(1), Ttl.Until(long.MaxValue),
        ];
        foreach (var ttl in all)
        {
            var command = Put("k", "v", ttl: ttl);
            AssertEqual(command, CommandFormat.Decode(CommandFormat.Encode(command)));
        }
    }

    public static TheoryData<string, object> Impossible => new()
    {
        { "no key", Delete("") },
        { "a key too long", Delete(new string('k', CommandFormat.MaxKeyBytes + 1)) },
        { "a time before 1970", Delete("k", timeMs: -1) },
        { "a list of no versions", Delete("k", condition: IfMatch()) },
        { "a list that was never made", Delete("k", condition: new Condition.VersionIn(default)) },
        { "too many versions", Delete("k", condition: IfMatch(new KeyVersion[CommandFormat.MaxVersions + 1])) },
        { "a negative term", Delete("k", condition: IfMatch(new KeyVersion(new Term(-1), new LogIndex(1)))) },
        { "a negative index", Delete("k", condition: IfMatch(new KeyVersion(new Term(1), new LogIndex(-1)))) },
        { "an id of no known kind", Delete("k", id: new RequestId(1, 2, RequestIdKind.Timed + 1)) },
        { "an end in 1970", Put("k", "v", ttl: Ttl.Until(0)) },
        { "a type too long", Put("k", "v", type: new string('x', 256)) },
        { "a type that is not ASCII", Put("k", "v", type: "text/plän") },
    };

    /// <summary>An entry that cannot be applied would stop every replica, and again after each restart.</summary>
    [Theory, MemberData(nameof(Impossible))]
    public void What_could_not_be_applied_is_not_encoded(string what, object command)
    {
        Assert.NotEmpty(what);
        Assert.Throws<ArgumentException>(() => CommandFormat.Encode((Command)command));
    }

    [Fact]
    public void A_delete_cut_anywhere_is_refused()
    {
        var whole = CommandFormat.Encode(Delete("key", timeMs: 7, Versions, ClientId(9)));
        for (var length = 0; length < whole.Length; length++)
            Assert.Throws<InvalidDataException>(() => CommandFormat.Decode(whole.AsMemory(0, length)));
        Assert.Throws<InvalidDataException>(() => CommandFormat.Decode(new byte[whole.Length]));
        Assert.Throws<InvalidDataException>(() => CommandFormat.Decode((byte[])[.. whole, 0]));
    }

    [Fact]
    public void A_put_cut_anywhere_is_refused()
    {
        var command = Put("key", "value", timeMs: 7, Versions, HopId(9), ttl: Ttl.After(5));
        var whole = CommandFormat.Encode(command);
        for (var length = 0; length < whole.Length; length++)
            Assert.Throws<InvalidDataException>(() => CommandFormat.Decode(whole.AsMemory(0, length)));
        AssertEqual(command, CommandFormat.Decode(whole));
    }

    /// <summary>
    /// Bytes are guarded by checksums around them; here it matters that nothing else than refusal comes of them.
    /// </summary>
    [Fact]
    public void A_changed_byte_is_refused_or_read_as_another_command()
    {
        var whole = CommandFormat.Encode(Put("key", "value", timeMs: 7, Versions, ClientId(9)));
        for (var at = 0; at < whole.Length; at++)
        {
            for (var change = 1; change < 256; change++)
            {
                var changed = (byte[])whole.Clone();
                changed[at] ^= (byte)change;
                if (TryDecode(changed) is { } read)
                    Assert.Equal(changed, CommandFormat.Encode(read));
            }
        }
    }

    [Fact]
    public void Garbage_is_refused_or_read_as_a_command() =>
        Gen.Select(Gen.Byte.Array[0, 60], OneOf<byte>(0x21, 0x24, 0x25)).Sample((bytes, kind) =>
        {
            if (bytes.Length > 0)
                bytes[0] = kind;
            if (TryDecode(bytes) is { } read)
                Assert.Equal(bytes, CommandFormat.Encode(read));
        }, iter: 20_000);

    [Theory]
    [InlineData(0x00)]
    [InlineData(0x10)]
    [InlineData(0x13)]
    [InlineData(0x20)]
    [InlineData(0x2A)]
    public void Another_kind_or_version_is_refused(byte kind)
    {
        var bytes = CommandFormat.Encode(Put("k", "v"));
        bytes[0] = kind;
        Assert.Contains("kind", Assert.Throws<InvalidDataException>(() => CommandFormat.Decode(bytes)).Message);
    }

    [Fact]
    public void A_fingerprint_is_of_what_is_asked_for_and_not_of_when_or_by_whom()
    {
        var print = Print(Put("k", "v", timeMs: 1, Versions, ClientId(1)));

        Assert.Equal(print, Print(Put("k", "v", timeMs: 2, Versions, ClientId(2))));
        Assert.Equal(print, Print(Put("k", "v", timeMs: 1, Versions)));
        Assert.NotEqual(print, Print(Put("k", "w", timeMs: 1, Versions, ClientId(1))));
        Assert.NotEqual(print, Print(Put("l", "v", timeMs: 1, Versions, ClientId(1))));
        Assert.NotEqual(print, Print(Put("k", "v", timeMs: 1, condition: null, ClientId(1))));
        Assert.NotEqual(
            print, Print(Put("k", "v", timeMs: 1, Versions, ClientId(1), "text/html")));
        Assert.NotEqual(
            Print(Put("k", "", condition: new Condition.Exists())),
            Print(Put("k", "", condition: new Condition.Absent())));
        Assert.NotEqual(Print(Delete("k")), Print(Put("k", "", type: "")));
    }

    private static ulong Print(Command command) => CommandFormat.Fingerprint(CommandFormat.Encode(command));

    private static Command? TryDecode(byte[] bytes)
    {
        try
        {
            return CommandFormat.Decode(bytes);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}

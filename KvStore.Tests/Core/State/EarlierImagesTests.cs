using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Core.State;

/// <summary>What earlier versions wrote is read: one bucket, no expiry, and of version 1 no timed ids.</summary>
public sealed class EarlierImagesTests
{
    private const long Start = 1_700_000_000_000;

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, Start - 5)]
    public void An_image_of_an_earlier_version_is_read(byte version, long horizonMs)
    {
        var command = Put("k", "one", Start, id: ClientId(1));
        var fingerprint = CommandFormat.Fingerprint(CommandFormat.Encode(command));
        var image = StateImage.Decode([
            Block(1, 0, head =>
            {
                head.Write(version);
                Write(head, Start, 500, 1, 1);
                if (version > 1)
                    head.Write(horizonMs);
            }),
            Block(2, 1, entry =>
            {
                entry.Write((ushort)1);
                entry.Write("k"u8);
                entry.Write("text/plain");    // its length before it, as in the format
                Write(entry, 1, 1, Start);
                entry.Write(3);
                entry.Write("one"u8);
            }),
            Block(3, 1, request =>
            {
                Write(request, 0, 1);
                request.Write((byte)RequestIdKind.Named);
                request.Write(fingerprint);
                request.Write((byte)WriteStatus.Created);
                Write(request, 1, 1, 500, 1);
            })]);

        var entry = image.Find("k"u8)!;
        Assert.Equal("one", Encoding.UTF8.GetString(entry.Value.Span));
        Assert.Equal((Start, Start, 0L), (entry.CreatedMs, entry.ModifiedMs, entry.ExpiresMs));
        Assert.Equal(horizonMs, image.Requests.HorizonMs);
        KeyValueState state = new(image);
        Assert.True(state.Apply(new LogIndex(2), new Term(1), CommandFormat.Encode(command)).IsReplay);
    }

    [Fact]
    public void A_put_of_version_1_is_read_as_one_of_the_default_bucket()
    {
        using MemoryStream bytes = new();
        using (BinaryWriter put = new(bytes, Encoding.ASCII, leaveOpen: true))
        {
            put.Write((byte)0x11);
            put.Write((byte)(2 | 4));    // absent; has a request id
            Write(put, Start, 0, 7);
            put.Write((ushort)1);
            put.Write("k"u8);
            put.Write("text/plain");
            put.Write("one"u8);
        }

        var expected = Put("k", "one", Start, new Condition.Absent(), ClientId(7));
        AssertEqual(expected, CommandFormat.Decode(bytes.ToArray()));
    }

    private static ReadOnlyMemory<byte> Block(byte kind, int items, Action<BinaryWriter> write)
    {
        using MemoryStream bytes = new();
        using (BinaryWriter block = new(bytes, Encoding.ASCII, leaveOpen: true))
        {
            block.Write(kind);
            block.Write(items);
            write(block);
        }

        return bytes.ToArray();
    }

    private static void Write(BinaryWriter to, params long[] numbers)
    {
        foreach (var number in numbers)
            to.Write(number);
    }
}

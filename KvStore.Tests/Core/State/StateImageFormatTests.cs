using CsCheck;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Core.State;

public sealed class StateImageFormatTests
{
    private const int HeadSize = 1 + 4 + 1 + (7 * 8);

    [Fact]
    public void An_image_comes_back_and_goes_on_like_the_one_it_was_made_of() =>
        Gen.Select(Any.Array[0, 120], Any.Array[0, 60]).Sample((before, after) =>
        {
            KeyValueState first = new(StateImage.Empty);
            ApplyAll(first, before, from: 1);
            KeyValueState second = new(StateImage.Decode(first.Image.Encode()));
            AssertSame(first.Image, second.Image);
            Assert.Equal(ApplyAll(first, after, from: 500), ApplyAll(second, after, from: 500));
            AssertSame(first.Image, second.Image);
        }, iter: 150);

    [Fact]
    public void An_image_of_many_blocks_comes_back()
    {
        KeyValueState state = new(StateImage.Empty);
        for (ulong number = 1; number <= 3000; number++)
            Apply(state, (long)number, Put(
                $"key {number * 7919 % 3000:d5}", new string('v', 100), (long)number * 10, id: ClientId(number)));
        Apply(state, 3001, Put("large", new string('x', 300_000)));

        var blocks = state.Image.Encode().ToList();
        Assert.True(blocks.Count > 5);
        Assert.All(blocks, block => Assert.InRange(block.Length, 1, 400_000));
        AssertSame(state.Image, StateImage.Decode(blocks));
    }

    [Fact]
    public void A_hash_is_of_all_that_is_written_and_makes_no_copy_of_it()
    {
        KeyValueState state = new(StateImage.Empty);
        for (var number = 1; number <= 2000; number++)
            Apply(state, number, Put($"key {number}", new string('v', 1000), id: ClientId((ulong)number)));
        System.IO.Hashing.XxHash3 written = new();
        foreach (var block in state.Image.Encode())
            written.Append(block.Span);
        var blocks = 0;
        Assert.Equal(written.GetCurrentHashAsUInt64(), state.Image.Hash(() => blocks++));
        Assert.Equal(state.Image.Encode().Count(), blocks);

        var before = GC.GetAllocatedBytesForCurrentThread();
        state.Image.Hash();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, state.Image.Bytes / 4);
    }

    [Fact]
    public void An_empty_state_comes_back() =>
        AssertSame(StateImage.Empty, StateImage.Decode(StateImage.Empty.Encode()));

    /// <summary>Else one small value would keep a whole block of others alive.</summary>
    [Fact]
    public void What_is_read_does_not_hold_on_to_the_blocks()
    {
        var blocks = Sample().Image.Encode().ToList();
        var image = StateImage.Decode(blocks);
        var bytes = blocks.SelectMany(block => block.ToArray()).ToArray();
        foreach (var block in blocks)
            System.Runtime.InteropServices.MemoryMarshal.AsMemory(block).Span.Clear();

        Assert.Equal(bytes, image.Encode().SelectMany(block => block.ToArray()));
    }

    [Fact]
    public void Blocks_cut_anywhere_are_refused()
    {
        var blocks = Sample().Image.Encode().ToList();
        for (var at = 0; at < blocks.Count; at++)
        {
            for (var length = 0; length < blocks[at].Length; length++)
            {
                List<ReadOnlyMemory<byte>> cut = [.. blocks];
                cut[at] = blocks[at][..length];
                Assert.Throws<InvalidDataException>(() => StateImage.Decode(cut));
            }

            Assert.Throws<InvalidDataException>(() => StateImage.Decode([.. blocks.Where((_, other) => other != at)]));
        }

        Assert.Throws<InvalidDataException>(() => StateImage.Decode([.. blocks, blocks[1]]));
        Assert.Throws<InvalidDataException>(() => StateImage.Decode([.. blocks, blocks[0]]));
        Assert.Throws<InvalidDataException>(() => StateImage.Decode([blocks[1], blocks[0], blocks[2]]));
        Assert.Throws<InvalidDataException>(() => StateImage.Decode([blocks[0], blocks[2], blocks[1]]));
    }

    [Fact]
    public void A_changed_byte_is_refused_or_read_as_another_image()
    {
        var blocks = Sample().Image.Encode().Select(block => block.ToArray()).ToList();
        var whole = blocks.SelectMany(block => block).ToArray();
        for (var at = 0; at < whole.Length; at++)
        {
            foreach (var change in new byte[] { 0x01, 0x80, 0xFF })
            {
                var changed = (byte[])whole.Clone();
                changed[at] ^= change;
                if (TryDecode(CutLike(blocks, changed)) is { } read)
                    Assert.Equal(changed, read.Encode().SelectMany(block => block.ToArray()));
            }
        }
    }

    [Fact]
    public void Absurd_numbers_are_refused_before_anything_is_allocated_for_them()
    {
        var blocks = Sample().Image.Encode().Select(block => block.ToArray()).ToList();
        foreach (var (block, at) in new[] { (0, HeadSize - 40), (0, HeadSize - 32), (0, HeadSize - 8), (1, 1), (2, 1) })
        {
            var changed = blocks.Select(other => (byte[])other.Clone()).ToList();
            changed[block].AsSpan(at, 4).Fill(0xFF);
            changed[block][at + 3] = 0x7F;
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Throws<InvalidDataException>(
                () => StateImage.Decode([.. changed.Select(bytes => new ReadOnlyMemory<byte>(bytes))]));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 500_000);
        }
    }

    [Fact]
    public void Two_requests_of_one_entry_are_refused()
    {
        KeyValueState state = new(StateImage.Empty);
        Apply(state, 1, Put("a", "1", id: ClientId(1)));
        Apply(state, 2, Put("a", "2", id: ClientId(2)));
        var blocks = state.Image.Encode().Select(block => block.ToArray()).ToList();
        var requests = blocks[^1];
        const int Index = 50;    // behind id, fingerprint, status, version and time
        var size = (requests.Length - 5) / 2;
        requests[5..][Index..(Index + 8)].CopyTo(requests, 5 + size + Index);    // the second's becomes the first's

        var failure = Assert.Throws<InvalidDataException>(
            () => StateImage.Decode(CutLike(blocks, [.. blocks.SelectMany(block => block)])));
        Assert.Contains("two requests", failure.Message);
    }

    private static KeyValueState Sample()
    {
        KeyValueState state = new(StateImage.Empty);
        Apply(state, 1, Put("a", "first", timeMs: 1000, id: ClientId(1)));
        Apply(state, 2, Put("b", "", timeMs: 2000, id: HopId(2)));
        Apply(state, 3, Put("c", "third", timeMs: 3000));
        Apply(state, 4, Delete("a", timeMs: 4000, id: ClientId(3)));
        return state;
    }

    private static WriteResult Apply(KeyValueState state, long index, Command command) =>
        state.Apply(new LogIndex(index), new Term(1), CommandFormat.Encode(command)) with { Entry = null };

    private static List<WriteResult> ApplyAll(KeyValueState state, Command[] commands, long from) =>
        [.. commands.Select((command, at) => Apply(state, from + at, command))];

    private static void AssertSame(StateImage expected, StateImage actual)
    {
        Assert.Equal(
            expected.Encode().SelectMany(block => block.ToArray()),
            actual.Encode().SelectMany(block => block.ToArray()));
        Assert.Equal(expected.Hash(), actual.Hash());
        Assert.Equal((expected.Count, expected.Bytes, expected.TimeMs), (actual.Count, actual.Bytes, actual.TimeMs));
    }

    private static List<ReadOnlyMemory<byte>> CutLike(List<byte[]> blocks, byte[] whole)
    {
        var at = 0;
        return [.. blocks.Select(
            block => new ReadOnlyMemory<byte>(whole, (at += block.Length) - block.Length, block.Length))];
    }

    private static StateImage? TryDecode(List<ReadOnlyMemory<byte>> blocks)
    {
        try
        {
            return StateImage.Decode(blocks);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}

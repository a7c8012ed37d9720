using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.Hashing;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;
using KvStore.Core.State;

namespace KvStore.Node.Transactions;

/// <summary>
/// A transaction as it was asked for, and what of it concerns which partition, in ascending order: in that order keys
/// are locked, so that no two wait for each other.
/// </summary>
internal sealed class TransactionPlan
{
    private TransactionPlan(Command.Transaction whole, ImmutableArray<Part> parts) => (Whole, Parts) = (whole, parts);

    /// <summary>As if it were all of one partition; its time and request id mean nothing.</summary>
    public Command.Transaction Whole { get; }

    /// <summary>1 or more.</summary>
    public ImmutableArray<Part> Parts { get; }

    /// <summary>Who takes part; the first is the coordinator.</summary>
    public ImmutableArray<PartitionId> Participants => [.. Parts.Select(part => part.Partition)];

    /// <summary>Takes a transaction apart.</summary>
    /// <param name="whole">Has a comparison or an operation.</param>
    /// <param name="ring">Says which key is where.</param>
    public static TransactionPlan Of(Command.Transaction whole, HashRing ring)
    {
        var (compares, thens, elses) = (
            Places(whole.If, compare => compare.Key, ring),
            Places(whole.Then, operation => operation.Key, ring),
            Places(whole.Else, operation => operation.Key, ring));
        var partitions = compares.Keys.Union(thens.Keys).Union(elses.Keys).OrderBy(number => number);
        return new TransactionPlan(whole, [.. partitions.Select(number => new Part(
            new PartitionId(number),
            [.. compares.GetValueOrDefault(number) ?? []],
            [.. thens.GetValueOrDefault(number) ?? []],
            [.. elses.GetValueOrDefault(number) ?? []]))]);
    }

    /// <summary>What a partition is asked, with the operations in the order of the whole.</summary>
    public Command.Transaction CommandOf(Part part) => Whole with
    {
        RequestId = null,
        If = [.. part.If.Select(at => Whole.If[at])],
        Then = [.. part.Then.Select(at => Whole.Then[at])],
        Else = [.. part.Else.Select(at => Whole.Else[at])],
    };

    /// <summary>What the whole asks for, as a number.</summary>
    public ulong Fingerprint()
    {
        var hash = new XxHash3();
        Span<byte> number = stackalloc byte[sizeof(int)];
        foreach (var part in Parts)
        {
            BinaryPrimitives.WriteInt32LittleEndian(number, part.Partition.Value);
            hash.Append(number);
            hash.Append(CommandFormat.Encode(CommandOf(part)));
        }

        return hash.GetCurrentHashAsUInt64();
    }

    private static Dictionary<int, List<int>> Places<T>(
        ImmutableArray<T> items, Func<T, ReadOnlyMemory<byte>> keyOf, HashRing ring)
    {
        var places = new Dictionary<int, List<int>>();
        for (var at = 0; at < items.Length; at++)
        {
            var number = ring.PartitionOf(keyOf(items[at]).Span).Value;
            if (!places.TryGetValue(number, out var list))
                places.Add(number, list = []);
            list.Add(at);
        }

        return places;
    }

    /// <summary>What concerns one partition, as places in the whole.</summary>
    public sealed record Part(
        PartitionId Partition, ImmutableArray<int> If, ImmutableArray<int> Then, ImmutableArray<int> Else);
}

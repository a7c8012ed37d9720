using System.Globalization;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Tests.Node.Transactions;

namespace KvStore.Tests.Node.Api;

/// <summary>Made-up requests over the whole API, at one node.</summary>
public sealed class RequestFuzzTests(ITestOutputHelper output)
{
    /// <summary>How many requests; a longer run names its own number and, to be another one, its seed.</summary>
    private static readonly int Requests = Number("KVSTORE_FUZZ_REQUESTS") ?? 3000;

    [Fact]
    public async Task Each_request_gets_one_answer_that_says_what_it_is_and_so_does_the_next()
    {
        var seed = Number("KVSTORE_FUZZ_SEED") ?? 1;
        output.WriteLine($"seed {seed}");
        var cluster = new FakeCluster();
        var reached = new Reached(new FakeClusterPartitions(cluster), new PartitionStates());
        await using var node = await ApiNode.StartAsync(cluster, reached: reached);
        var run = new RequestFuzz(node.Address, seed, "probe");
        try
        {
            await run.RunAsync(Requests);
        }
        finally
        {
            output.WriteLine(run.Summary);
            output.WriteLine(string.Join('\n', node.Crashes));
        }

        Assert.Empty(node.Crashes);
        Assert.True(run.Kinds >= 25, "The requests are too much alike.");
    }

    /// <summary>A state for each partition, and one for the catalog of buckets.</summary>
    private sealed class Reached(FakeClusterPartitions catalog, PartitionStates states) : IClusterPartitions
    {
        public ValueTask<WriteOutcome> WriteAsync(
            PartitionId partition, Command command, CancellationToken deadline) =>
            Of(partition).WriteAsync(partition, command, deadline);

        public ValueTask<KeysOutcome> ReadKeysAsync(
            PartitionId partition, KeysQuery query, CancellationToken deadline) =>
            Of(partition).ReadKeysAsync(partition, query, deadline);

        public ValueTask<EntriesOutcome> ReadAsync(
            PartitionId partition, EntriesQuery query, CancellationToken deadline) =>
            Of(partition).ReadAsync(partition, query, deadline);

        private IClusterPartitions Of(PartitionId partition) =>
            partition.Value < PartitionStates.TheView.Ring.PartitionCount ? states : catalog;
    }

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : null;
}

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Verification;

namespace KvStore.Tests.Simulation;

/// <summary>What clients ask for: reads, writes and conditional writes of few keys, every value written once.</summary>
internal sealed class Workload(Simulator world, Random random)
{
    private readonly Dictionary<string, List<KeyVersion>> _seen = new(StringComparer.Ordinal);
    private readonly List<HistoryOperation> _history = [];
    private readonly List<SimulatedClient> _clients = [];
    private readonly Dictionary<(string Key, KeyVersion Version), string> _names = [];
    private ulong _lastRequestId;
    private int _lastValue;
    private int _lastClient;

    public IReadOnlyList<HistoryOperation> History => _history;

    public bool IsStopped { get; private set; }

    public bool IsIdle => _clients.TrueForAll(client => client.IsIdle);

    public void Start()
    {
        for (var i = 0; i < world.Swarm.ClientCount; i++)
        {
            SimulatedClient client = new(world, this, new Random(random.Next()), hasRequestIds: random.Next(4) != 0);
            _clients.Add(client);
            client.Begin();
        }
    }

    /// <summary>Clients bring their calls to an end and begin no other.</summary>
    public void Stop() => IsStopped = true;

    /// <summary>
    /// Once all is healed: one write to each group and one read of each key, which together see whatever was lost.
    /// </summary>
    public void Verify()
    {
        for (var group = 0; group < world.Swarm.GroupCount; group++)
        {
            SimulatedClient client = new(world, this, new Random(random.Next()), hasRequestIds: true)
            {
                IsPatient = true,
            };
            _clients.Add(client);
            client.Ask(Put(group, 0));
            for (var key = 0; key < world.Swarm.KeysPerGroup; key++)
                client.Ask(Get(group, key));
            client.Begin();
        }
    }

    public int NextClient() => ++_lastClient;

    public RequestId NextRequestId() =>
        new(0, ++_lastRequestId, world.Swarm.HasHopIds ? RequestIdKind.Internal : RequestIdKind.Named);

    public RequestId NextRequestId(long timeMs) => new((ulong)timeMs << 16, ++_lastRequestId, RequestIdKind.Timed);

    public (HistoryOperation Operation, Request Request) Next() => world.Swarm.HasLives ? NextOfLives() : NextOfAll();

    /// <summary>A value's time is over: that is as if somebody had deleted just this version.</summary>
    public void Expired(string key, KeyVersion version)
    {
        var now = world.Queue.Now * 1000;
        Record(Draft(OperationKind.Delete, key, null) with
        {
            Client = NextClient(),
            CallNs = now,
            ReturnNs = now + 1,
            IfMatch = TextOf(version),
            Found = true,
            Result = OperationResult.Ok,
        });
    }

    /// <summary>
    /// A value stored anew, by a touch, counts as another value, whose name tells its version: the judge wants each
    /// value written once.
    /// </summary>
    public void Stored(string key, StoredEntry? before, StoredEntry after)
    {
        var value = Encoding.UTF8.GetString(after.Value.Span);
        var isTouched = before is not null && before.Value.Span.SequenceEqual(after.Value.Span);
        _names[(key, after.Version)] = isTouched ? $"{value}@{TextOf(after.Version)}" : value;
        if (!isTouched)
            return;
        var now = world.Queue.Now * 1000;
        Record(Draft(OperationKind.Put, key, _names[(key, after.Version)]) with
        {
            Client = NextClient(),
            CallNs = now,
            ReturnNs = now + 1,
            IfMatch = TextOf(before!.Version),
            Etag = TextOf(after.Version),
            Found = true,
            Result = OperationResult.Ok,
        });
    }

    /// <summary>What a value is called in the history.</summary>
    public string NameOf(string key, KeyVersion version, string value) =>
        world.Swarm.HasLives ? _names[(key, version)] : value;

    private (HistoryOperation Operation, Request Request) NextOfLives()
    {
        var call = NextOfAll();
        if (call.Request.Command is not Command.Change { Operation: Operation.Put put } change)
            return random.Next(3) == 0 && call.Request.Command is null ? TouchSeen(call) : call;
        put = put with { Ttl = DrawTtl() };
        return (call.Operation, call.Request with { Command = change with { Operation = put } });
    }

    private Ttl DrawTtl() => random.Next(6) switch
    {
        0 => Ttl.None,
        1 => Ttl.Keep,
        2 => Ttl.KeepOr(random.Next(1, 3000)),
        _ => Ttl.After(random.Next(1, 3000)),
    };

    /// <summary>
    /// The log tells the history of touches that are applied; so who asks for one only tells what was seen by it.
    /// </summary>
    private (HistoryOperation Operation, Request Request) TouchSeen(
        (HistoryOperation Operation, Request Request) read)
    {
        var key = read.Operation.Key;
        if (!_seen.TryGetValue(key, out var versions))
            return read;
        Operation.Touch touch = new() { Key = read.Request.Key, Ttl = DrawTtl() };
        return IfSeen((read.Operation, RequestOf(read.Request.Group.Value, touch)), versions[^1]);
    }

    private (HistoryOperation Operation, Request Request) NextOfAll()
    {
        var (group, key) = (random.Next(world.Swarm.GroupCount), random.Next(world.Swarm.KeysPerGroup));
        return random.Next(20) switch
        {
            < 7 => Get(group, key),
            < 12 => Put(group, key),
            < 14 => Delete(group, key),
            < 15 => If(Put(group, key), ifMatch: null, ifNone: "*", new Condition.Absent()),
            < 16 => If(Put(group, key), ifMatch: "*", ifNone: null, new Condition.Exists()),
            < 17 => IfSeen(Delete(group, key)),
            _ => IfSeen(Put(group, key)),
        };
    }

    /// <summary>Versions that later conditions may name.</summary>
    public void Saw(string key, KeyVersion version)
    {
        if (!_seen.TryGetValue(key, out var versions))
            _seen.Add(key, versions = []);
        if (versions.Contains(version))
            return;
        versions.Add(version);
        if (versions.Count > 3)
            versions.RemoveAt(0);
    }

    public void Record(HistoryOperation operation) => _history.Add(operation);

    public static string TextOf(KeyVersion version) =>
        string.Create(CultureInfo.InvariantCulture, $"{version.Term}.{version.Index}");

    private static (HistoryOperation Operation, Request Request) Get(int group, int key) =>
        (Draft(OperationKind.Get, NameOf(group, key), null),
            new Request(new PartitionId(group), BytesOf(group, key), null));

    private (HistoryOperation Operation, Request Request) Put(int group, int key)
    {
        var value = string.Create(CultureInfo.InvariantCulture, $"v{++_lastValue}");
        Operation.Put put = new()
        {
            Key = BytesOf(group, key),
            Value = Encoding.UTF8.GetBytes(value),
            ContentType = "text/plain",
        };
        return (Draft(OperationKind.Put, NameOf(group, key), value), RequestOf(group, put));
    }

    private static (HistoryOperation Operation, Request Request) Delete(int group, int key)
    {
        Operation.Delete delete = new() { Key = BytesOf(group, key) };
        return (Draft(OperationKind.Delete, NameOf(group, key), null), RequestOf(group, delete));
    }

    private static Request RequestOf(int group, Operation operation) => new(
        new PartitionId(group),
        operation.Key,
        new Command.Change { TimeMs = 0, Bucket = BucketId.Default, Operation = operation });

    private (HistoryOperation Operation, Request Request) IfSeen((HistoryOperation Operation, Request Request) write)
    {
        if (!_seen.TryGetValue(write.Operation.Key, out var versions))
            return write;
        return IfSeen(write, random.Next(4) == 0 ? versions[0] : versions[^1]);
    }

    private static (HistoryOperation Operation, Request Request) IfSeen(
        (HistoryOperation Operation, Request Request) write, KeyVersion version)
    {
        return If(write, TextOf(version), null, new Condition.VersionIn(ImmutableArray.Create(version)));
    }

    private static (HistoryOperation Operation, Request Request) If(
        (HistoryOperation Operation, Request Request) write, string? ifMatch, string? ifNone, Condition condition) =>
        (write.Operation with { IfMatch = ifMatch, IfNone = ifNone },
            write.Request with { Command = Conditioned(write.Request.Command!, condition) });

    private static Command.Change Conditioned(Command command, Condition condition)
    {
        var change = (Command.Change)command;
        return change with { Operation = change.Operation with { Condition = condition } };
    }

    private static HistoryOperation Draft(OperationKind kind, string key, string? value) =>
        new() { Client = 0, CallNs = 0, Op = kind, Key = key, Value = value, Result = OperationResult.Unknown };

    private static string NameOf(int group, int key) => string.Create(CultureInfo.InvariantCulture, $"g{group}/k{key}");

    private static byte[] BytesOf(int group, int key) => Encoding.UTF8.GetBytes(NameOf(group, key));
}

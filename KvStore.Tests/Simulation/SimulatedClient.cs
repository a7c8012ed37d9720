using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Verification;

namespace KvStore.Tests.Simulation;

/// <summary>
/// One client: one call at a time, asked of one node after the other until it is answered or its deadline passes. What
/// was certainly not applied may always be asked again, and so may a read; another write only under its request id.
/// </summary>
internal sealed class SimulatedClient(Simulator world, Workload workload, Random random, bool hasRequestIds)
{
    private const long Deadline = 2 * Swarm.Second;
    private const long Pause = 30 * Swarm.Millisecond;
    private readonly long _clockOffsetMs = world.Swarm.HasTimedIds ? DrawOffset(random) : 0;
    private readonly Queue<(HistoryOperation Operation, Request Request)> _asked = [];
    private HistoryOperation? _operation;
    private Request? _request;
    private NodeId _target;
    private int _number = workload.NextClient();
    private int _attempt;
    private int _openAttempts;
    private bool _isUnknown;

    /// <summary>Asks until it is answered.</summary>
    public bool IsPatient { get; init; }

    public bool IsIdle => _operation is null && _asked.Count == 0;

    private bool MayRepeat => _request!.Command is null || _request.Command.RequestId is not null;

    private bool IsInTime => IsPatient || world.Queue.Now * 1000 < _operation!.CallNs + (Deadline * 1000);

    /// <summary>Queues a call; a client with queued calls makes no others.</summary>
    public void Ask((HistoryOperation Operation, Request Request) call) => _asked.Enqueue(call);

    public void Begin()
    {
        if (IsPatient && _asked.Count == 0)
            return;
        if (!IsPatient && workload.IsStopped)
            return;
        var (operation, request) = IsPatient ? _asked.Dequeue() : workload.Next();
        if (hasRequestIds && request.Command is { } command)
            request = request with { Command = command with { RequestId = NextRequestId() } };
        _operation = operation with { Client = _number, CallNs = world.Queue.Now * 1000 };
        _request = request;
        _openAttempts = 0;
        _isUnknown = false;
        world.Trace.Add(TraceEvent.Call, 0, request.Group.Value, _number, 0, _operation);
        Attempt();
    }

    /// <summary>Most clocks are nearly right; some are slow, or too far ahead to be believed.</summary>
    private static long DrawOffset(Random random) => 20_000 + random.Next(10) switch
    {
        0 => -10_000,
        1 => 90_000,
        _ => random.Next(-200, 200),
    };

    private RequestId NextRequestId() => world.Swarm.HasTimedIds && !IsPatient
        ? workload.NextRequestId(_clockOffsetMs + (world.Queue.Now / Swarm.Millisecond))
        : workload.NextRequestId();

    private void Attempt()
    {
        if (_target == NodeId.None)
            _target = random.GetItems([.. world.Present], 1)[0].Id;
        var (attempt, request, node) = (++_attempt, _request!, world.Node(_target));
        var isAnswered = false;
        _openAttempts++;
        world.Network.Send(NodeId.None, node.Id, () => node.Serve(request, reply =>
            world.Network.Send(node.Id, NodeId.None, () =>
            {
                isAnswered = true;
                if (ReferenceEquals(request, _request))
                    OnReply(attempt, reply);
            })));
        world.Queue.Schedule(random.NextInt64(200, 800) * Swarm.Millisecond, () =>
        {
            if (!isAnswered && attempt == _attempt && ReferenceEquals(request, _request))
                OnSilence();
        });
    }

    private void OnReply(int attempt, Reply reply)
    {
        switch (reply)
        {
            case Reply.Written written:
                OnWritten(written.Result);
                break;
            case Reply.Found found:
                OnFound(found.Entry);
                break;
            case Reply.Rejected rejected:
                _openAttempts--;
                if (attempt == _attempt)
                    AskAgain(rejected.Hint);
                break;
            default:
                _openAttempts--;
                _isUnknown = true;
                if (attempt == _attempt)
                    OnSilence();
                break;
        }
    }

    /// <summary>The node is silent or does not know: it may have happened.</summary>
    private void OnSilence()
    {
        if (MayRepeat)
            AskAgain(NodeId.None);
        else
            End(_operation! with { Result = OperationResult.Unknown });
    }

    private void AskAgain(NodeId hint)
    {
        if (!IsInTime)
        {
            GiveUp();
            return;
        }

        _target = hint;
        var (request, attempt) = (_request, _attempt);
        world.Queue.Schedule(random.NextInt64(1, Pause), () =>
        {
            if (ReferenceEquals(request, _request) && attempt == _attempt)
                Attempt();
        });
    }

    /// <summary>The last answer was that nothing was applied; it holds for the attempt that got it.</summary>
    private void GiveUp()
    {
        var isUnknown = _isUnknown || _openAttempts > 0;
        End(_operation! with { Result = isUnknown ? OperationResult.Unknown : OperationResult.Rejected });
    }

    private void OnFound(StoredEntry? entry)
    {
        if (entry is not null)
            workload.Saw(_operation!.Key, entry.Version);
        End(_operation! with
        {
            Result = OperationResult.Ok,
            Found = entry is not null,
            Value = entry is null ? null : NameOf(entry.Version, Encoding.UTF8.GetString(entry.Value.Span)),
            Etag = entry is null ? null : Workload.TextOf(entry.Version),
        });
    }

    private string NameOf(KeyVersion version, string value) => workload.NameOf(_operation!.Key, version, value);

    private void OnWritten(WriteResult result)
    {
        Law.Holds(
            result.Status != WriteStatus.RequestIdReused,
            $"A request id was taken for another request's: {_operation}");
        Law.Holds(Enum.IsDefined(result.Status), $"What came of {_operation} is nothing that can come of a write");
        if (result.Status is WriteStatus.RequestIdExpired or WriteStatus.RequestIdAhead)
        {
            Law.Holds(world.Swarm.HasTimedIds && !IsPatient, $"{_operation} was refused for a time that it has not");
            _openAttempts--;
            GiveUp();
            return;
        }

        var isDone = result.Status is WriteStatus.Created or WriteStatus.Replaced or WriteStatus.Deleted;
        if (isDone)
            world.LawsOf(_request!.Group).Acknowledged(result.Version);
        var hasVersion = result.Status is not (WriteStatus.Deleted or WriteStatus.NotFound)
            && result.Version != KeyVersion.None;
        if (hasVersion)
            workload.Saw(_operation!.Key, result.Version);
        if (_operation!.Op == OperationKind.Get)
        {
            var isTouched = result.Status == WriteStatus.Replaced;
            End(_operation with
            {
                Result = isTouched ? OperationResult.Ok : OperationResult.Rejected,
                Found = isTouched,
                Value = isTouched ? NameOf(result.Version, "") : null,
                Etag = isTouched ? Workload.TextOf(result.Version) : null,
                IfMatch = null,
            });
            return;
        }

        End(_operation! with
        {
            Result = result.Status == WriteStatus.VersionMismatch ? OperationResult.Fail : OperationResult.Ok,
            Found = result.Status switch
            {
                WriteStatus.Replaced or WriteStatus.Deleted => true,
                WriteStatus.Created or WriteStatus.NotFound => false,
                _ => null,
            },
            Etag = hasVersion ? Workload.TextOf(result.Version) : null,
        });
    }

    private void End(HistoryOperation operation)
    {
        var isUnknown = operation.Result == OperationResult.Unknown;
        workload.Record(operation with { ReturnNs = isUnknown ? 0 : world.Queue.Now * 1000 });
        world.Trace.Add(TraceEvent.Return, 0, _request!.Group.Value, _number, (long)operation.Result, operation);
        (_operation, _request) = (null, null);
        if (isUnknown)
            _number = workload.NextClient();
        var think = IsPatient ? 1 : (long)(-Math.Log(1 - random.NextDouble()) * world.Swarm.ThinkTime) + 1;
        world.Queue.Schedule(isUnknown ? think + Swarm.Second : think, Begin);
    }
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using KvStore.Contracts;

namespace KvStore.Tests.Node.Api;

/// <summary>
/// Sends made-up requests over connections that are kept, and proves each answer: no 500, in time, a problem of a known
/// code where it refuses, and the connection good for one more request or closed.
/// </summary>
internal sealed class RequestFuzz(Uri address, int seed, string scope)
{
    /// <summary>Longer than any deadline that a request can name, or is given if it names none.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>What the HTTP server says itself, without a word of ours.</summary>
    private static readonly int[] OfServer = [400, 405, 408, 413, 414, 431, 505];

    private readonly ConcurrentDictionary<string, int> _answers = [];
    private long _probes;

    /// <summary>How often each answer came.</summary>
    public string Summary => string.Join(
        ", ", _answers.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}: {pair.Value}"))
        + $"; the longest wait: {Longest}";

    /// <summary>The longest that an answer was waited for.</summary>
    public TimeSpan Longest { get; private set; }

    /// <summary>Different answers that came.</summary>
    public int Kinds => _answers.Count;

    /// <summary>Sends that many requests, some at the same time.</summary>
    /// <param name="count">How many.</param>
    /// <param name="lanes">At the same time.</param>
    public Task RunAsync(int count, int lanes = 2) => Task.WhenAll(
        Enumerable.Range(0, lanes).Select(lane => Task.Run(() => RunLaneAsync(lane, count / lanes))));

    private async Task RunLaneAsync(int lane, int count)
    {
        var generator = new RequestGenerator(new Random(HashCode.Combine(seed, lane)));
        RawConnection? connection = null;
        for (var number = 0; number < count; number++)
        {
            var (method, request) = generator.Next();
            connection ??= await RawConnection.OpenAsync(address);
            try
            {
                if (await TryAsync(connection, method, request))
                    continue;
                connection.Dispose();
                connection = null;
            }
            catch (Exception wrong)
            {
                throw new InvalidOperationException(
                    $"seed {seed}, lane {lane}, request {number}:\n{Encoding.Latin1.GetString(request)}", wrong);
            }
        }

        connection?.Dispose();
    }

    /// <returns>Whether the connection can carry another request.</returns>
    private async Task<bool> TryAsync(RawConnection connection, string method, byte[] request)
    {
        using var deadline = new CancellationTokenSource(Patience);
        var began = Stopwatch.StartNew();
        await connection.SendAsync(request);
        var answer = await connection.ReadAsync(method, deadline.Token);
        if (answer is null)
        {
            // Only who was not read to the end is left without an answer.
            Assert.True(request.Length > 64 << 10, "There was no answer.");
            Count("none");
            return false;
        }

        Longest = began.Elapsed > Longest ? began.Elapsed : Longest;
        Prove(method, answer);
        if (RawConnection.IsStream(answer))
            return false;
        if (answer["Connection"] is "close")
        {
            Assert.True(await connection.EndsAsync(deadline.Token), "Something came after the last answer.");
            return false;
        }

        await ProbeAsync(connection, deadline.Token);
        return true;
    }

    private void Prove(string method, RawResponse answer)
    {
        var isProblem = answer["Content-Type"] is Problem.MediaType;
        if (answer.Status < 400 || method is "HEAD")
        {
            Assert.NotEqual(500, answer.Status);
            Assert.False(isProblem && method is not "HEAD", answer.Body);
            Count($"{answer.Status}");
            return;
        }

        if (!isProblem)
        {
            Assert.Contains(answer.Status, OfServer);
            Assert.Equal(("", "close"), (answer.Body, answer["Connection"]));
            Count($"{answer.Status} of the server");
            return;
        }

        var problem = answer.Problem;
        var type = Assert.Single(ProblemType.All, known => known.Code == problem.Code);
        Assert.NotEqual(ProblemType.Internal, type);
        Assert.Equal((type.Status, type.Status), (answer.Status, problem.Status));
        Assert.NotEmpty(problem.Detail!);
        Assert.DoesNotContain("   at ", answer.Body, StringComparison.Ordinal);
        Assert.True(type != ProblemType.MethodNotAllowed || answer["Allow"] is not null);
        Count($"{answer.Status} {problem.Code}");
    }

    /// <summary>The next request on the connection gets its own answer, and no byte of another one.</summary>
    private async Task ProbeAsync(RawConnection connection, CancellationToken deadline)
    {
        var target = $"/buckets/default/keys/{scope}-{Interlocked.Increment(ref _probes)}";
        await connection.SendAsync(Encoding.ASCII.GetBytes($"GET {target} HTTP/1.1\r\nHost: probe\r\n\r\n"));
        var answer = await connection.ReadAsync("GET", deadline);
        Assert.Equal((404, target), (answer?.Status, answer?.Problem.Instance));
    }

    private void Count(string answer) => _answers.AddOrUpdate(answer, 1, static (_, count) => count + 1);
}

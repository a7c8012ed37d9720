using KvStore.Balancer.Options;
using KvStore.Balancer.Routing;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace KvStore.Tests.Balancer;

public sealed class BodyReaderTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_at_the_limit_is_held_and_one_byte_more_is_refused(bool isLengthKnown)
    {
        var reader = ReaderOf(heldBytes: 1 << 20);
        var limit = reader.MaxBodyBytes;
        var (held, _) = await reader.ReadAsync(RequestOf(limit, isLengthKnown));
        Assert.Equal(limit, held!.Length);
        Assert.Equal(limit, held.Open().Length);
        held.Dispose();
        Assert.Equal(0, reader.HeldBytes);

        var (none, refusal) = await reader.ReadAsync(RequestOf(limit + 1, isLengthKnown));
        Assert.Null(none);
        Assert.Equal(ProblemType.ValueTooLarge, refusal?.Type);
        Assert.Equal(0, reader.HeldBytes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task All_bodies_together_are_bounded(bool isLengthKnown)
    {
        var reader = ReaderOf(heldBytes: 40_000);
        var (first, _) = await reader.ReadAsync(RequestOf(20_000, isLengthKnown: true));
        var (none, refusal) = await reader.ReadAsync(RequestOf(20_001, isLengthKnown));
        Assert.Null(none);
        Assert.Equal(ProblemType.Overloaded, refusal?.Type);
        Assert.Equal(20_000, reader.HeldBytes);

        first!.Dispose();
        first.Dispose();    // giving back twice would let others take what is not there
        Assert.Equal(0, reader.HeldBytes);
        var (second, _) = await reader.ReadAsync(RequestOf(20_001, isLengthKnown));
        Assert.NotNull(second);
        second.Dispose();
    }

    [Fact]
    public async Task A_body_that_breaks_off_leaves_nothing_held()
    {
        var reader = ReaderOf(heldBytes: 1 << 20);
        var request = RequestOf(100, isLengthKnown: true);
        request.Body = new BrokenStream();
        var (_, refusal) = await reader.ReadAsync(request);
        Assert.Equal(ProblemType.BodyInvalid, refusal?.Type);
        Assert.Equal(0, reader.HeldBytes);
    }

    private static BodyReader ReaderOf(long heldBytes) => new(Options.Create(
        new BalancerOptions { MaxValueBytes = 30_000, MaxHeldBytes = heldBytes }));

    private static HttpRequest RequestOf(int length, bool isLengthKnown)
    {
        var request = new DefaultHttpContext().Request;
        request.Body = new MemoryStream(new byte[length]);
        request.ContentLength = isLengthKnown ? length : null;
        return request;
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new IOException("The client is gone.");
    }
}

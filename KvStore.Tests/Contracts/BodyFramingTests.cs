using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class BodyFramingTests
{
    [Theory]
    [InlineData(5L, "", true)]
    [InlineData(null, "", true)]
    [InlineData(null, "chunked", true)]
    [InlineData(null, "Chunked", true)]
    [InlineData(5L, "chunked", false)]
    [InlineData(0L, "chunked", false)]
    [InlineData(null, "gzip, chunked", false)]
    [InlineData(null, "chunked,chunked", false)]
    [InlineData(null, "identity", false)]
    public void A_body_has_a_length_or_comes_in_chunks_and_nothing_else(long? length, string encoding, bool isSound) =>
        Assert.Equal(isSound, BodyFraming.Wrong(length is not null, encoding) is null);
}

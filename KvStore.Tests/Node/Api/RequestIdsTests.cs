using KvStore.Core.State;
using KvStore.Node.Api;

namespace KvStore.Tests.Node.Api;

/// <summary>Which texts carry a time, and which are names and no more.</summary>
public sealed class RequestIdsTests
{
    private const string Version7 = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";    // of RFC 9562, appendix A.6

    [Fact]
    public void A_uuid_of_version_7_keeps_its_bits_and_tells_its_time()
    {
        var id = RequestIds.Of(Version7, hopRequestId: null)!.Value;

        Assert.Equal(new RequestId(0x017f22e279b07cc3, 0x98c4dc0c0c07398f, RequestIdKind.Timed), id);
        Assert.Equal(new DateTimeOffset(2022, 2, 22, 19, 22, 22, TimeSpan.Zero).ToUnixTimeMilliseconds(), id.TimeMs);
    }

    [Fact]
    public void Its_case_does_not_matter()
    {
        var upper = Version7.ToUpperInvariant();
        Assert.NotEqual(Version7, upper);
        Assert.Equal(RequestIds.Of(Version7, null), RequestIds.Of(upper, null));
    }

    [Fact]
    public void What_the_runtime_makes_is_one()
    {
        var time = new DateTimeOffset(2026, 5, 1, 12, 0, 0, 345, TimeSpan.Zero);
        var id = RequestIds.Of(Guid.CreateVersion7(time).ToString(), null)!.Value;
        Assert.Equal((RequestIdKind.Timed, time.ToUnixTimeMilliseconds()), (id.Kind, id.TimeMs));
    }

    [Theory]
    [InlineData("919108f7-52d1-4320-9bac-f847db4148a8")]    // version 4
    [InlineData("C232AB00-9414-11EC-B3C8-9F6BDECED846")]    // version 1
    [InlineData("017f22e2-79b0-7cc3-c8c4-dc0c0c07398f")]    // version 7 in another variant
    [InlineData("017f22e2-79b0-7cc3-18c4-dc0c0c07398f")]
    [InlineData("017f22e279b07cc398c4dc0c0c07398f")]
    [InlineData("{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}")]
    [InlineData("017f22e2-79b0-7cc3-98c4-dc0c0c07398")]
    [InlineData("017f22e2-79b07-cc3-98c4-dc0c0c07398f")]
    [InlineData("+17f22e2-79b0-7cc3-98c4-dc0c0c07398f")]
    [InlineData("0x7f22e2-79b0-7cc3-98c4-dc0c0c07398f")]
    [InlineData("order-7")]
    public void Any_other_text_is_a_name(string text) =>
        Assert.Equal(RequestIdKind.Named, RequestIds.Of(text, null)!.Value.Kind);

    [Fact]
    public void A_hops_id_is_never_timed_and_goes_behind_the_clients()
    {
        Assert.Equal(RequestIdKind.Internal, RequestIds.Of(null, Version7)!.Value.Kind);
        Assert.Equal(RequestIdKind.Timed, RequestIds.Of(Version7, "hop")!.Value.Kind);
        Assert.Null(RequestIds.Of(null, null));
    }
}

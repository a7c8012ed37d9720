using KvStore.Node.Api;

namespace KvStore.Tests.Node.Api;

public sealed class AdmissionGateTests
{
    private const long All = 16 << 20;

    private readonly AdmissionGate _gate = new(Microsoft.Extensions.Options.Options.Create(
        new ApiOptions { MaxBodyBytesInFlight = All, MaxRequestsInFlight = 3 }));

    [Fact]
    public void What_lasts_as_long_as_its_client_likes_leaves_room_to_all_others()
    {
        Assert.True(_gate.TryEnter(All / 4, isLong: true));
        Assert.False(_gate.TryEnter(1, isLong: true));
        Assert.True(_gate.TryEnter(All - All / 4));
        Assert.False(_gate.TryEnter(1));
        Assert.Equal((2, All, 2), (_gate.Requests, _gate.Bytes, _gate.Refused));

        _gate.Leave(All / 4, isLong: true);
        _gate.Leave(All - All / 4);
        Assert.Equal((0, 0), (_gate.Requests, _gate.Bytes));
        Assert.True(_gate.TryEnter(All / 4, isLong: true));
    }

    [Fact]
    public void A_long_one_that_needs_more_than_such_ones_share_is_let_in_alone()
    {
        Assert.True(_gate.TryEnter(All / 2, isLong: true));
        Assert.False(_gate.TryEnter(1, isLong: true));
        _gate.Leave(All / 2, isLong: true);
        Assert.True(_gate.TryEnter(1, isLong: true));
        Assert.False(_gate.TryEnter(All / 2, isLong: true));
    }

    [Theory]
    [InlineData(16 << 20, 64 << 20, false)]
    [InlineData(16 << 20, 128 << 20, true)]
    [InlineData(1 << 20, All, true)]
    public void Limits_under_which_no_import_could_ever_be_taken_are_refused(int value, long all, bool isTaken) =>
        Assert.Equal(isTaken, AdmissionGate.HasRoomForOne(new() { MaxValueBytes = value, MaxBodyBytesInFlight = all }));

    [Fact]
    public void A_long_one_that_is_refused_for_another_reason_takes_nothing()
    {
        for (var entered = 0; entered < 3; entered++)
            Assert.True(_gate.TryEnter(1));
        Assert.False(_gate.TryEnter(All / 4, isLong: true));
        _gate.Leave(1);
        Assert.True(_gate.TryEnter(All / 4, isLong: true));
    }
}

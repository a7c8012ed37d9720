using System.Text;
using KvStore.Core.Membership;
using KvStore.Node.Membership;

namespace KvStore.Tests.Node.Membership;

public sealed class ClusterDocumentTests
{
    private static readonly ClusterView View =
        ClusterView.Birth([("node1", 1), ("node2", ulong.MaxValue)], 8, 3).Replace("node1", 3);

    private static readonly byte[] Document = ClusterDocument.Encode(View);

    [Fact]
    public void A_view_comes_back_from_its_document()
    {
        var view = ClusterDocument.Decode(Document);
        Assert.Equal((View.ClusterId, View.Epoch), (view.ClusterId, view.Epoch));
        Assert.Equal(View.Members, view.Members);
        Assert.Equal(View.Removed, view.Removed);
        Assert.Equal(View.KeepersOf(new(5)), view.KeepersOf(new(5)));
        Assert.Equal(View.FoundersOf(new(5)), view.FoundersOf(new(5)));
    }

    [Fact]
    public void A_document_cut_anywhere_is_refused()
    {
        for (var length = 0; length < Document.Length; length++)
            Assert.Throws<InvalidDataException>(() => ClusterDocument.Decode(Document.AsSpan(0, length)));
    }

    /// <summary>
    /// The cluster's id is made of what a cluster was born of, so that whatever else is read makes another.
    /// </summary>
    [Fact]
    public void A_changed_byte_does_not_change_what_the_cluster_was_born_of()
    {
        for (var at = 0; at < Document.Length; at++)
        {
            foreach (var change in new byte[] { 0x01, 0x20, 0x80 })
            {
                var changed = (byte[])Document.Clone();
                changed[at] ^= change;
                try
                {
                    var view = ClusterDocument.Decode(changed);
                    Assert.Equal(
                        (View.ClusterId, View.Ring.PartitionCount), (view.ClusterId, view.Ring.PartitionCount));
                    Assert.Equal(View.FoundersOf(new(5)), view.FoundersOf(new(5)));
                }
                catch (InvalidDataException)
                {
                    // refused
                }
            }
        }
    }

    [Theory]
    [InlineData(8, "[]")]
    [InlineData(8, null)]
    [InlineData(8, """null""")]
    [InlineData(8, """[null]""")]
    [InlineData(8, """[{"id":1,"name":null,"incarnation":"0000000000000001"}]""")]
    [InlineData(8, """[{"id":1,"name":"a","incarnation":"11112222333344445"}]""")]
    [InlineData(9, """[{"id":1,"name":"a","incarnation":"0000000000000001"}]""")]
    [InlineData(1000000000, """[{"id":1,"name":"a","incarnation":"0000000000000001"}]""")]
    public void What_describes_no_cluster_is_refused(int partitions, string? members)
    {
        var rest = members is null ? "" : $", \"members\": {members}";
        Refuses($"{{\"clusterId\": \"0\", \"epoch\": 1, \"partitions\": {partitions}, \"replicationFactor\": 3, "
            + $"\"founders\": 1, \"removed\": []{rest}}}");
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    public void What_is_no_document_is_refused(string json) => Refuses(json);

    [Theory]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("1", false)]
    [InlineData("000000000000000A", false)]
    [InlineData("00000000000000001", false)]
    [InlineData("000000000000000a", true)]
    [InlineData("ffffffffffffffff", true)]
    public void Only_sixteen_small_digits_are_a_number(string? text, bool isOne) =>
        Assert.Equal(isOne, ClusterDocument.TryParse(text, out _));

    private static void Refuses(string json) =>
        Assert.Throws<InvalidDataException>(() => ClusterDocument.Decode(Encoding.UTF8.GetBytes(json)));
}

using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace KvStore.Core.Ring;

/// <summary>
/// The members' points on a ring of 64 bits: XxHash3-64 of a member's name in UTF-8 followed by the point's number in
/// four bytes, least significant first. Members are known by their position in ordinal order of the names.
/// </summary>
internal sealed class VirtualNodes
{
    /// <summary>Enough that the stretches before a member's points add up to nearly its share.</summary>
    public const int PerMember = 64;

    private readonly ulong[] _points;
    private readonly int[] _members;

    private VirtualNodes(ulong[] points, int[] members) => (_points, _members) = (points, members);

    public int MemberCount => _points.Length / PerMember;

    public static VirtualNodes Of(IEnumerable<string> namesInOrder)
    {
        var nodes = namesInOrder
            .SelectMany((name, member) => PointsOf(name).Select(point => (Point: point, Member: member)))
            .Order()    // by point; members that share one, by name
            .ToArray();
        return new VirtualNodes([.. nodes.Select(node => node.Point)], [.. nodes.Select(node => node.Member)]);
    }

    /// <summary>The distinct members met clockwise from a point, each once, the nearest first.</summary>
    public IEnumerable<int> ClockwiseFrom(ulong point)
    {
        var found = Array.BinarySearch(_points, point);
        var start = found < 0 ? ~found : found;
        var met = new bool[MemberCount];
        for (var step = 0; step < _members.Length; step++)
        {
            var member = _members[(start + step) % _members.Length];
            if (met[member])
                continue;
            met[member] = true;
            yield return member;
        }
    }

    private static IEnumerable<ulong> PointsOf(string name)
    {
        var text = Encoding.UTF8.GetBytes(name);
        var hashed = new byte[text.Length + sizeof(int)];
        text.CopyTo(hashed, 0);
        for (var number = 0; number < PerMember; number++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(hashed.AsSpan(text.Length), number);
            yield return XxHash3.HashToUInt64(hashed);
        }
    }
}

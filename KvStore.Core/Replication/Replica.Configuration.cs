using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// Members coming and going, one voter at a time (thesis 4): a configuration is an entry of the log, in force on each
/// replica from the moment it is appended there.
/// </summary>
public sealed partial class Replica
{
    private readonly ConfigurationHistory _configurations;

    /// <summary>Who keeps the log, as far as this replica's log tells; committed or not.</summary>
    public GroupConfiguration Configuration => _configurations.Current;

    /// <summary>The voters of <see cref="Configuration"/>.</summary>
    public ImmutableArray<NodeId> Voters => Configuration.Voters;

    /// <summary>Whether this replica counts towards majorities and may become primary.</summary>
    public bool IsVoter => Voters.Contains(_options.Self);

    /// <summary>
    /// On a primary: whether it would take a change now. One at a time: the last one must be committed, and so must an
    /// entry of its own term, or two primaries could each have one of their own under way.
    /// </summary>
    public bool MayReconfigure => Role == ReplicaRole.Primary && !IsTransferring && HasCommittedInTerm
        && _configurations.LastChange <= CommitIndex;

    /// <summary>
    /// Who kept the log after the entry at <paramref name="index"/>, which is not compacted
    /// away: part of a snapshot there.
    /// </summary>
    public GroupConfiguration ConfigurationAt(LogIndex index)
    {
        Invariant.Holds(index >= _log.StartIndex);
        return _configurations.At(index);
    }

    /// <summary>
    /// On a primary: whether a member follows closely enough to be counted on, and has answered lately.
    /// </summary>
    public bool IsCaughtUp(NodeId member) =>
        _backups.TryGetValue(member, out var backup)
        && backup is { IsActive: true, State: ProgressState.Replicate }
        && CommitIndex - backup.Match <= _options.CaughtUpEntries;

    private void OnReconfigure(GroupConfiguration next)
    {
        if (MayReconfigure && IsAllowed(next))
            AppendToLog(ConfigurationEntry(_log.LastIndex.Next(), next.WithEra(Configuration.Era)));
    }

    private LogEntry ConfigurationEntry(LogIndex index, GroupConfiguration configuration) =>
        new(index, Term, EntryKind.Configuration, GroupConfigurationFormat.Encode(configuration));

    /// <summary>
    /// A primary stays a voter: who wants it out has it hand over first (thesis 3.10), so that it never counts others
    /// without counting itself. A learner becomes a voter only when it has caught up, or the group would wait for it.
    /// </summary>
    private bool IsAllowed(GroupConfiguration next) =>
        !next.HasSameMembers(Configuration)
        && Configuration.IsOneStepTo(next)
        && next.Voters.Contains(_options.Self)
        && next.Voters.Except(Voters).All(IsCaughtUp);

    /// <summary>Backups come and go with the configuration; of a new one it is not known what it holds.</summary>
    private void FollowConfiguration(LogIndex next)
    {
        foreach (var member in Configuration.Members)
        {
            if (member != _options.Self && !_backups.ContainsKey(member))
                _backups.Add(member, new Progress(member, next) { IsActive = true });
        }

        foreach (var gone in _backups.Keys.Except(Configuration.Members).ToList())
            _backups.Remove(gone);
    }
}

using System.Net;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>
/// A call came to nothing, although it was tried again as long as it might: the store refused it, nobody could be
/// reached, or its time was over.
/// </summary>
public sealed class KvStoreException : Exception
{
    internal KvStoreException(string message, Applied applied, Exception? inner = null)
        : base(message, inner) => Applied = applied;

    internal KvStoreException(Problem problem, Applied applied)
        : this((problem with { Applied = applied }).Describe(), applied) =>
        (Problem, Status) = (problem, (HttpStatusCode)problem.Status);

    /// <summary>What the call did to the store. Of reads: nothing.</summary>
    public Applied Applied { get; }

    /// <summary>What the store said; null: nothing.</summary>
    public Problem? Problem { get; }

    /// <summary>The status of the answer, with a problem or without; null: nobody answered.</summary>
    internal HttpStatusCode? Status { get; init; }

    /// <summary>The word for programs, such as <c>value-too-large</c>; null: no store answered.</summary>
    public string? Code => Problem?.Code;
}

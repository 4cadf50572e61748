%% The work of bench_actor.py on Erlang/OTP itself. Run by it: prints "name value" lines, times in microseconds.
-module(bench_actor_beam).
-behaviour(gen_server).
-export([main/1, start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).
-export([sup_init/1]).

start_link({sup, _} = Args) -> supervisor:start_link(?MODULE, Args);
start_link(Args) -> gen_server:start_link(?MODULE, Args, []).

sup_init(X) -> X.

init({sup, {crash, Parent}}) ->
    {ok, {#{strategy => one_for_one, intensity => 10000000, period => 1},
          [#{id => worker, start => {?MODULE, start_link, [{tell, Parent}]}}]}};
init({sup, {crowd, Actors}}) ->
    {ok, {#{}, [#{id => N, type => supervisor, start => {?MODULE, start_link, [{sup, {group, Actors div 100}}]}}
                || N <- lists:seq(1, 100)]}};
init({sup, {group, Actors}}) ->
    {ok, {#{}, [#{id => N, start => {?MODULE, start_link, [idle]}} || N <- lists:seq(1, Actors)]}};
init({tell, Parent}) -> Parent ! {born, self()}, {ok, 0};
init(_) -> {ok, 0}.

handle_call(_, _, State) -> {reply, State, State}.
handle_cast({tick, _}, State) -> {noreply, State + 1};
handle_cast(crash, _) -> exit(crash).
handle_info(_, State) -> {noreply, State}.

main([Messages, Calls, Restarts, Actors, Many]) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    io:format("otp ~s~n", [erlang:system_info(otp_release)]),
    casts(list_to_integer(Messages)),
    calls(list_to_integer(Calls)),
    restarts(list_to_integer(Restarts)),
    crowd("crowd", list_to_integer(Actors)),
    crowd("many", list_to_integer(Many)),
    halt(0).

us(Native) -> erlang:convert_time_unit(Native, native, nanosecond) / 1000.

casts(N) ->
    {ok, Pid} = start_link(counter),
    Start = erlang:monotonic_time(),
    repeat(N, fun() -> gen_server:cast(Pid, {tick, 1}) end),
    N = gen_server:call(Pid, get, infinity),
    io:format("cast_us ~p~n", [us(erlang:monotonic_time() - Start) / N]).

calls(N) ->
    {ok, Pid} = start_link(counter),
    Samples = [sample(fun() -> gen_server:call(Pid, get, 5000) end) || _ <- lists:seq(1, N)],
    percentiles("call", Samples).

restarts(N) ->
    {ok, Sup} = start_link({sup, {crash, self()}}),
    First = receive {born, P} -> P end,
    {_, Samples} = lists:foldl(fun(_, {Pid, Done}) ->
        Start = erlang:monotonic_time(),
        gen_server:cast(Pid, crash),
        New = receive {born, Q} -> Q end,
        Took = us(erlang:monotonic_time() - Start),
        erlang:yield(),
        {New, [Took | Done]}
    end, {First, []}, lists:seq(1, N)),
    percentiles("restart", Samples),
    stop(Sup).

crowd(Name, Actors) ->
    erlang:garbage_collect(),
    Before = erlang:memory(processes),
    Start = erlang:monotonic_time(),
    {ok, Sup} = start_link({sup, {crowd, Actors}}),
    Up = us(erlang:monotonic_time() - Start),
    Bytes = (erlang:memory(processes) - Before) / Actors,
    Down = sample(fun() -> stop(Sup) end),
    io:format("~s_start_us ~p~n~s_stop_us ~p~n~s_bytes ~p~n", [Name, Up, Name, Down, Name, Bytes]).

stop(Sup) ->
    exit(Sup, shutdown),
    receive {'EXIT', Sup, _} -> ok end.

sample(Fun) ->
    Start = erlang:monotonic_time(),
    Fun(),
    us(erlang:monotonic_time() - Start).

percentiles(Name, Samples) ->
    Sorted = lists:sort(Samples),
    At = fun(Part) -> lists:nth(max(1, round(length(Sorted) * Part)), Sorted) end,
    io:format("~s_p50_us ~p~n~s_p99_us ~p~n", [Name, At(0.5), Name, At(0.99)]).

repeat(0, _) -> ok;
repeat(N, Fun) -> Fun(), repeat(N - 1, Fun).
